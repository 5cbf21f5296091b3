import { sqlState, violatedConstraint } from '#platform/database/db'
import { AppError } from '#platform/base/errors'

/** Translates an error of the ledger's database functions to an AppError. Returns any other error unchanged. `nameOf` returns an account's code. */
export function toLedgerError(error: unknown, nameOf: (accountId: string) => string): unknown {
  const [subject = '', field = ''] = detailOf(error).split(' ')
  switch (sqlState(error) ?? '') {
    case 'LG001':
      return new AppError(
        'ledger.unknown-account',
        500,
        `The ledger has no account ${nameOf(subject)} of this asset.`,
        {
          cause: error,
        },
      )
    case 'LG002':
      return mismatch(error, subject, field)
    case 'LG003':
      return insufficientFunds(error, nameOf(subject))
    case 'LG004':
      return new AppError(
        'ledger.hold-without-limit',
        500,
        `${nameOf(subject)} may go below zero, so its money cannot be held.`,
        {
          cause: error,
        },
      )
    case 'LG005':
      return new AppError(
        'ledger.hold-exceeded',
        409,
        `Hold ${subject} holds ${field} minor units. A settlement cannot exceed this amount.`,
        {
          cause: error,
        },
      )
    case 'LG006':
      return invalidAmountOrAccount(error)
    default:
      return explainConstraint(error)
  }
}

/** Translates violations of the tables' own checks, the last line of defence. */
function explainConstraint(error: unknown): unknown {
  switch (violatedConstraint(error) ?? '') {
    case 'no_overdraft':
      return insufficientFunds(error, 'an account')
    case 'transfer_moves':
      return invalidAmountOrAccount(error)
    default:
      return error
  }
}

const invalidAmountOrAccount = (error: unknown): AppError =>
  new AppError('ledger.bad-transfer', 500, 'A transfer must move more than zero to another account.', { cause: error })

const insufficientFunds = (error: unknown, name: string): AppError =>
  new AppError('ledger.insufficient-funds', 409, 'The balance is too low. Use a smaller amount, or add money first.', {
    cause: new Error(`${name} would go below its held amount or below zero`, { cause: error }),
  })

function mismatch(error: unknown, id: string, field: string): AppError {
  const hold = error instanceof Error && error.message === 'ledger.hold-mismatch'
  const [code, thing] = hold ? ['ledger.hold-mismatch', 'Hold'] : ['ledger.transfer-mismatch', 'Transfer']
  const problem =
    field === 'partly-posted'
      ? 'was posted before, but other transfers of this posting were not. Repeat a posting with all its transfers'
      : field === 'hold'
        ? 'was posted before, but not to settle this hold'
        : `was ${hold ? 'placed' : 'posted'} before with another ${field}`
  return new AppError(code, 409, `${thing} ${id} ${problem}.`, { cause: error })
}

const detailOf = (error: unknown): string =>
  error instanceof Error && 'detail' in error && typeof error.detail === 'string' ? error.detail : ''
