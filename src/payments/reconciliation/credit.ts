import type { Transfer } from '#ledger'
import { currencyOf, formatAmount, money, type Money } from '#money'
import { AppError } from '#platform/errors'
import type { Tx } from '#platform/db'
import { isId } from '#platform/ids'
import { newAttempt } from '../attempts.ts'
import { insertAttempt, type AttemptRow } from '../attempt-store.ts'
import { creditedCase, lockCase, type CaseRow } from './case-store.ts'
import { caseOf, caseOver, noSuchCase, type Case } from './cases.ts'
import { railOf, transactMoney, type Core } from '../core.ts'
import { findIntent, type IntentRow } from '../intent-store.ts'
import { apply } from '../outcomes.ts'
import { isCountedNumber } from '../receipt-store.ts'

export interface CreditCase {
  readonly id: string
  readonly intentId: string
  readonly note: string
}

/**
 * Money that names no try, counted for a payment because a person says so. It is a receipt like any other, under the id that the provider has for
 * it: whatever tells of the same money later finds it counted. See Reconciliation.credit.
 */
export const creditCase = (core: Core, credit: CreditCase, audit: (tx: Tx) => Promise<void>): Promise<Case> =>
  transactMoney(core, async (tx, contended) => {
    const row = await lockCase(tx, credit.id)
    if (!row) throw noSuchCase(credit.id)
    if (row.state === 'credited' && row.intentId === credit.intentId) return caseOf(row)
    if (row.state !== 'open') throw caseOver(row)
    const intent = isId('pay', credit.intentId) ? await findIntent(tx, credit.intentId) : undefined
    if (!intent) throw noSuchPayment()
    const gross = requireMoney(core, row, intent)
    // A pay bill payment by hand is in the provider's list too: once an operator has confirmed it, it is not credited again.
    if (await isCountedNumber(tx, ['transfer'], (row.number ?? row.subject).toUpperCase())) throw countedBefore(row)
    const attempt = tryByHand(core, row, intent, gross)
    await insertAttempt(tx, attempt)
    const transfers: Transfer[] = []
    const told = { attempt, outcome: receivedOf(row, gross), from: 'event' as const }
    const { refused } = await apply(tx, core, told, { contended, transfers })
    // Another payment has a receipt of just this money.
    if (refused !== undefined) throw countedBefore(row)
    await core.ledger.post(tx, transfers)
    await audit(tx)
    const { id: intentId, merchantId } = intent
    const after = await creditedCase(tx, { id: row.id, note: credit.note, intentId, merchantId }, core.clock.now())
    tx.afterCommit(() =>
      core.log.warn({ caseId: row.id, rail: row.rail, paymentId: intentId }, 'money credited by hand'),
    )
    return caseOf(after)
  })

function requireMoney(core: Core, { kind, rail, theirsAsset, theirs }: CaseRow, intent: IntentRow): Money {
  // What comes to an address of ours names its try, and is counted once it is final.
  const isCreditable = kind === 'missing-here' && railOf(core, rail)?.watch === undefined
  if (!isCreditable || theirsAsset === null || theirs === null) throw notCreditable(kind)
  if (theirsAsset !== intent.asset) throw otherCurrency(money(theirsAsset, theirs), currencyOf(intent.asset))
  return money(theirsAsset, theirs)
}

/** A try that was never made: it is over, as one is that nobody could find out about, and settled by its money. */
function tryByHand(core: Core, { rail: name, railAccount }: CaseRow, intent: IntentRow, gross: Money): AttemptRow {
  const rail = railOf(core, name)
  if (!rail?.collect) throw new AppError('payments.rail-unavailable', 503, `There is no rail ${name} any more.`)
  const ask = { amount: gross, tolerance: 0n, exchange: undefined }
  const opening = {
    intent,
    rail: { ...rail, collect: rail.collect },
    railAccount,
    ask,
    payer: {},
    returnUrl: '',
    requestKey: null,
  }
  return {
    ...newAttempt(core, { ...opening, now: core.clock.now() }),
    railAccount,
    state: 'abandoned',
    dueAt: null,
  }
}

const receivedOf = ({ subject, receiptId, number, movedAt: at }: CaseRow, gross: Money) => ({
  kind: 'received' as const,
  receipts: [
    { id: receiptId ?? subject, ...(number === null ? {} : { number }), gross, at, final: true, stated: true },
  ],
})

const noSuchPayment = (): AppError =>
  new AppError('payments.not-found', 404, 'There is no such payment.', { param: 'payment' })

const notCreditable = (kind: string): AppError =>
  new AppError(
    'payments.case-not-money',
    409,
    `Only money of kind missing-here that names no try can be credited; this case is ${kind}. Close it with a note, or have its day compared again.`,
  )

const otherCurrency = (theirs: Money, currency: string): AppError =>
  new AppError(
    'payments.case-other-currency',
    409,
    `The money is ${currencyOf(theirs.asset)} ${formatAmount(theirs)} and the payment is in ${currency}: credit a payment in ${currencyOf(theirs.asset)}, or pay it back at the provider.`,
    { param: 'payment' },
  )

const countedBefore = ({ id }: CaseRow): AppError =>
  new AppError(
    'payments.case-counted',
    409,
    `The money of case ${id} is counted for another payment already: have its day compared again.`,
  )
