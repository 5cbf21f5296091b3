import { caseAlreadyEnded, type AuditDecision, type Case } from '#cases'
import type { Money } from '#money'
import { AppError } from '#platform/base/errors'
import { railOf, type Context } from './context.ts'
import type { CreditCase } from './types.ts'

/** Counts the money of a case for a payment. See Reconciliation.credit. */
export const creditCase = (context: Context, { id, intentId, note }: CreditCase, audit: AuditDecision): Promise<Case> =>
  context.bookkeeping.transact(async (tx, credit) => {
    const one = await context.cases.lock(tx, id)
    if (one.state === 'credited' && one.intentId === intentId) return one
    if (one.state !== 'open') throw caseAlreadyEnded(one)
    const { rail, railAccount, subject, receiptId, number, movedAt: at } = one
    const gross = requireMoney(context, one)
    const providerId = receiptId ?? subject
    const { merchantId, counted } = await credit({ rail, railAccount, intentId, providerId, number, gross, at })
    if (!counted) throw countedBefore(id)
    await audit(tx)
    const after = await context.cases.markCredited(tx, { id, note, intentId, merchantId })
    tx.afterCommit(() =>
      context.log.warn({ caseId: id, rail, paymentId: intentId }, 'money of a case credited manually'),
    )
    return after
  })

/**
 * Returns the amount at the provider. A deposit names its attempt and is counted once it is final, so it cannot be
 * credited.
 */
function requireMoney(context: Context, { kind, rail, theirs }: Case): Money {
  const isCreditable = kind === 'missing-here' && railOf(context, rail)?.watch === undefined
  if (!isCreditable || theirs === undefined) throw notCreditable(kind)
  return theirs
}

const notCreditable = (kind: string): AppError =>
  new AppError(
    'payments.case-not-money',
    409,
    `Only a missing-here case whose money names no attempt can be credited; this case is ${kind}. Close it with a note, or retry its day.`,
  )

const countedBefore = (id: string): AppError =>
  new AppError(
    'payments.case-counted',
    409,
    `The money of case ${id} is counted for another payment already. Retry the case, which compares its day again.`,
  )
