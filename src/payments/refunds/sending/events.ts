import type { Handled } from '#inbox'
import type { ProviderRefund, Rail, RefundFact } from '#rails/contract'
import { recordOutcome } from '../../attempts/outcomes.ts'
import { type Context, MAIN_ACCOUNT } from '../../context.ts'
import { sendingIdOf } from '../../reservations/state.ts'
import { findAttemptOfReceipt } from '../../store/attempts.ts'
import { findReceipt } from '../../store/receipts.ts'
import { findRefund, findRefundByReference, type RefundRow } from '../../store/refunds.ts'
import { checkRefund } from './polling.ts'
import { recordRefund } from './record.ts'

const DONE: Handled = { kind: 'done' }

/** Handles an event about a refund: finds the refund, checks rail and amount, queries the provider if the event proves nothing, and records it. */
export async function handleRefundFact(context: Context, rail: Rail, fact: RefundFact): Promise<Handled> {
  switch (fact.kind) {
    case 'observed':
      return recordReported(context, rail, fact.refund, { isOurs: false })
    case 'sending':
      return handleSendingFact(context, rail, fact)
    case 'changed': {
      const all = await rail.refund?.list?.(fact.receiptId)
      if (!all) return { kind: 'parked', why: 'the rail cannot list refunds' }
      const results: Handled[] = []
      for (const each of all) results.push(await recordReported(context, rail, each, { isOurs: true }))
      return results.find(({ kind }) => kind !== 'done') ?? DONE
    }
  }
}

/**
 * Records a proven refund from the provider's event or list. A refund that Purser sent is matched with its row. Any other refund was created at
 * the provider. `isOurs`: Purser certainly created the payment.
 */
async function recordReported(
  context: Context,
  rail: Rail,
  refund: ProviderRefund,
  { isOurs }: { isOurs: boolean },
): Promise<Handled> {
  const account = { rail: rail.name, railAccount: MAIN_ACCOUNT }
  const row =
    (refund.refundId === undefined ? undefined : await findRefund(context.db, refund.refundId)) ??
    (await findRefundByReference(context.db, account, refund.reference))
  if (row) {
    const why = findMismatch(rail, row, refund)
    return why ? refuse(context, rail, row, why) : recordKnownRefund(context, row, refund)
  }
  // Purser stores a refund before it sends it.
  if (refund.refundId !== undefined)
    return { kind: 'parked', why: `refund ${refund.refundId} is not one of this database` }
  // The provider sends another event when a pending refund is done.
  if (refund.outcome.kind !== 'succeeded') return DONE
  const receipt = await findReceipt(context.db, { ...account, providerId: refund.receiptId })
  const attempt = receipt && (await findAttemptOfReceipt(context.db, receipt.id))
  // Other programs may use the provider's account. The refund of a payment of Purser may arrive before its receipt.
  if (!attempt) return isOurs ? { kind: 'later', why: 'the refunded receipt is not known yet' } : DONE
  const { receiptId, amount, reference: reversalId } = refund
  const outcome = {
    kind: 'reversed',
    receiptId,
    amount,
    reason: 'refunded at the provider',
    reversalId,
    refund: true,
  } as const
  const { refused } = await recordOutcome(context, { attempt, outcome, from: 'event' })
  return refused === undefined ? DONE : { kind: 'parked', why: refused }
}

async function recordKnownRefund(context: Context, row: RefundRow, { outcome }: ProviderRefund): Promise<Handled> {
  const { refused } = await recordRefund(context, { refund: row, outcome, from: 'event' })
  if (refused === undefined) return DONE
  if (refused !== 'conflict') return { kind: 'refused', why: refused }
  await checkRefund(context, row, 'answer')
  return DONE
}

const findMismatch = (rail: Rail, row: RefundRow, { amount }: ProviderRefund): string | undefined => {
  if (row.rail !== rail.name) return 'refund-of-another-rail'
  return amount.asset === row.asset && amount.amount === row.amount ? undefined : 'refund-amount-mismatch'
}

/** Handles an event on a callback path of Purser. The path's token identifies the sending. */
async function handleSendingFact(
  context: Context,
  rail: Rail,
  fact: Extract<RefundFact, { kind: 'sending' }>,
): Promise<Handled> {
  const row = await findRefund(context.db, fact.refundId)
  if (!row) return { kind: 'later', why: 'the refund is not known yet' }
  const sending = Number(fact.sendingId.slice(row.id.length + 1))
  const isLast = sendingIdOf(row) === fact.sendingId
  // A reopened link has no rail, so the event belongs to its previous sending.
  if (isLast && row.rail !== null && row.rail !== rail.name) return refuse(context, rail, row, 'refund-of-another-rail')
  if (fact.amount && (fact.amount.asset !== row.asset || fact.amount.amount !== row.amount))
    return refuse(context, rail, row, 'refund-amount-mismatch')
  if (!fact.needsCheck) {
    const { refused } = await recordRefund(context, {
      refund: row,
      outcome: fact.outcome,
      from: 'answer',
      sending,
      rail: rail.name,
    })
    return refused === undefined ? DONE : { kind: 'refused', why: refused }
  }
  // The event has no signature, so it only triggers a query, and the caller gets no information.
  // Refunds that were given up are queried, too, because their money may have left.
  const isNews = row.state !== 'created' && row.state !== 'submitting' && row.takenSending !== row.sending
  if (!isLast || !isNews) return DONE
  await recordRefund(context, { refund: row, outcome: fact.outcome, from: 'event', sending, unproven: true })
  await checkRefund(context, { ...row, rail: rail.name }, 'answer')
  return DONE
}

function refuse(context: Context, rail: Rail, row: RefundRow, why: string): Handled {
  context.securityEvent(why, { rail: rail.name, refundId: row.id, paymentId: row.intentId })
  return { kind: 'refused', why }
}
