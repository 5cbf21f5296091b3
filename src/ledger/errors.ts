import { sqlState, violatedConstraint } from '#platform/database/db'
import { AppError } from '#platform/base/errors'

/** Turns what the database refused into an error for the caller; anything else stays as it is. `nameOf` gives an account's code. */
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
      return insufficient(error, nameOf(subject))
    case 'LG004':
      return new AppError(
        'ledger.hold-without-limit',
        500,
        `${nameOf(subject)} may go below zero, so nothing can be held of it.`,
        {
          cause: error,
        },
      )
    case 'LG005':
      return new AppError(
        'ledger.hold-exceeded',
        409,
        `Hold ${subject} is for ${field} minor units and settles no more.`,
        {
          cause: error,
        },
      )
    case 'LG006':
      return badMove(error)
    default:
      return explainConstraint(error)
  }
}

/** The last defence of the tables. */
function explainConstraint(error: unknown): unknown {
  switch (violatedConstraint(error) ?? '') {
    case 'no_overdraft':
      return insufficient(error, 'an account')
    case 'transfer_moves':
      return badMove(error)
    default:
      return error
  }
}

const badMove = (error: unknown): AppError =>
  new AppError('ledger.bad-transfer', 500, 'A transfer must move more than zero to another account.', { cause: error })

const insufficient = (error: unknown, name: string): AppError =>
  new AppError('ledger.insufficient-funds', 409, 'The funds do not suffice.', {
    cause: new Error(`${name} would go below what is held of it or below zero`, { cause: error }),
  })

function mismatch(error: unknown, id: string, field: string): AppError {
  const hold = error instanceof Error && error.message === 'ledger.hold-mismatch'
  const [code, thing] = hold ? ['ledger.hold-mismatch', 'Hold'] : ['ledger.transfer-mismatch', 'Transfer']
  const problem =
    field === 'partly-posted'
      ? 'was posted before, and others of this posting were not: a posting is repeated as a whole'
      : field === 'hold'
        ? 'was posted before, and not as the settlement of this hold'
        : `was ${hold ? 'placed' : 'posted'} before with another ${field}`
  return new AppError(code, 409, `${thing} ${id} ${problem}.`, { cause: error })
}

const detailOf = (error: unknown): string =>
  error instanceof Error && 'detail' in error && typeof error.detail === 'string' ? error.detail : ''
