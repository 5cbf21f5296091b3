import type { Handled } from '#inbox'
import type { ProviderRefund, Rail, RefundFact } from '#rails/contract'
import { recordOutcome } from '../../attempts/outcomes.ts'
import { type Context, MAIN_ACCOUNT } from '../../context.ts'
import { sendingOf } from '../../reservations/state.ts'
import { attemptOfReceipt } from '../../store/attempts.ts'
import { findReceipt } from '../../store/receipts.ts'
import { findRefund, findRefundByReference, type RefundRow } from '../../store/refunds.ts'
import { checkRefund } from './polling.ts'
import { recordRefund } from './record.ts'

const DONE: Handled = { kind: 'done' }

/** Finds the refund that the fact is about, refuses what does not fit, asks the provider where the event alone is no proof, and records the rest. */
export async function handleRefundFact(context: Context, rail: Rail, fact: RefundFact): Promise<Handled> {
  switch (fact.kind) {
    case 'observed':
      return told(context, rail, fact.refund, { ours: false })
    case 'sending':
      return ofSending(context, rail, fact)
    case 'changed': {
      const all = await rail.refund?.list?.(fact.receiptId)
      if (!all) return { kind: 'parked', why: 'the rail cannot list refunds' }
      const results: Handled[] = []
      for (const each of all) results.push(await told(context, rail, each, { ours: true }))
      return results.find(({ kind }) => kind !== 'done') ?? DONE
    }
  }
}

/** Proven. One that we made is merged with ours; another is what somebody gave back at the provider. `ours`: surely of a payment made here. */
async function told(
  context: Context,
  rail: Rail,
  refund: ProviderRefund,
  { ours }: { ours: boolean },
): Promise<Handled> {
  const account = { rail: rail.name, railAccount: MAIN_ACCOUNT }
  const row =
    (refund.refundId === undefined ? undefined : await findRefund(context.db, refund.refundId)) ??
    (await findRefundByReference(context.db, account, refund.reference))
  if (row) {
    const why = misfit(rail, row, refund)
    return why ? refuse(context, rail, row, why) : recordTold(context, row, refund)
  }
  // Ours are stored before they are sent.
  if (refund.refundId !== undefined)
    return { kind: 'parked', why: `refund ${refund.refundId} is not one of this database` }
  // One that is under way at the provider is told again when it is done.
  if (refund.outcome.kind !== 'succeeded') return DONE
  const receipt = await findReceipt(context.db, { ...account, providerId: refund.receiptId })
  const attempt = receipt && (await attemptOfReceipt(context.db, receipt.id))
  // Other programs use the provider's account too. What is surely of a payment of ours may have come before it.
  if (!attempt) return ours ? { kind: 'later', why: 'nothing is known yet of what it gives back' } : DONE
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

async function recordTold(context: Context, row: RefundRow, { outcome }: ProviderRefund): Promise<Handled> {
  const { refused } = await recordRefund(context, { refund: row, outcome, from: 'event' })
  if (refused === undefined) return DONE
  if (refused !== 'conflict') return { kind: 'refused', why: refused }
  await checkRefund(context, row, 'answer')
  return DONE
}

const misfit = (rail: Rail, row: RefundRow, { amount }: ProviderRefund): string | undefined => {
  if (row.rail !== rail.name) return 'refund-of-another-rail'
  return amount.asset === row.asset && amount.amount === row.amount ? undefined : 'refund-amount-mismatch'
}

/** What came on a path of ours: the token says which sending it is about. */
async function ofSending(
  context: Context,
  rail: Rail,
  fact: Extract<RefundFact, { kind: 'sending' }>,
): Promise<Handled> {
  const row = await findRefund(context.db, fact.refundId)
  if (!row) return { kind: 'later', why: 'nothing is known of the refund' }
  const sending = Number(fact.sendingId.slice(row.id.length + 1))
  const isLast = sendingOf(row) === fact.sendingId
  // A link that waits again names no rail: what is told is of the sending before.
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
  // No signature proves it: it only says that there is news, and whoever sent it learns nothing from us.
  // Of one that was given up too: it may have gone all the same.
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
