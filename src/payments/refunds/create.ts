import { type Asset, money } from '#money'
import { addMs } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import { type Context, REFUNDS_QUEUE } from '../context.ts'
import { keyReused, notFound } from '../errors.ts'
import { claimHashOf, claimSecret } from '../reservations/claim-secret.ts'
import { madeBefore } from '../reservations/errors.ts'
import { holdFor } from '../reservations/hold.ts'
import { notifyRefundOwner } from '../reservations/refund.ts'
import { listAttempts } from '../store/attempts.ts'
import { type IntentRow, lockIntent } from '../store/intents.ts'
import { listRefundableReceipts, listUncountedReceipts, type ReceiptRow } from '../store/receipts.ts'
import { findSimilarRefund, findRefundByKey, insertRefund, listReserved, type RefundRow } from '../store/refunds.ts'
import { type Plan, planRefund, type Refundable } from './plan.ts'
import { submitRefund } from './sending/send.ts'
import type { NewRefund } from './types.ts'

/** The starter sends at once; the queue takes over when the starter is gone. */
const PICK_UP_AFTER_MS = 3000
const DAY_MS = 24 * 60 * 60_000

/** See Refunds.create. */
export async function createRefund(context: Context, input: NewRefund): Promise<{ row: RefundRow; replayed: boolean }> {
  const opened = await context.db.transaction((tx) => open(tx, context, input))
  if (opened.replayed || opened.row.state !== 'created' || input.later) return opened
  return { row: await submitRefund(context, opened.row.id), replayed: false }
}

async function open(tx: Tx, context: Context, input: NewRefund): Promise<{ row: RefundRow; replayed: boolean }> {
  const now = context.clock.now()
  // Whoever wants to give back some of a payment comes here one after another: what is left is read under this lock.
  const intent = isId('pay', input.intentId) ? await lockIntent(tx, input.intentId) : undefined
  if (!intent || intent.merchantId !== input.merchantId) throw notFound()
  const before = await findSame(tx, input)
  if (before) return { row: before, replayed: true }
  const asset = input.asset ?? input.amount?.asset ?? intent.asset
  const plan = planRefund(context.rails, await listRefundable(tx, intent, asset), {
    asset,
    amount: input.amount?.amount,
    way: input.way ?? 'auto',
    basis: input.amountBasis ?? 'paid_rate',
  })
  const alike =
    input.unlessSince && (await findSimilarRefund(tx, intent.id, money(asset, plan.amount), input.unlessSince))
  if (alike) throw madeBefore(alike.id)
  const row = { ...newRow(context, intent, input, plan, now), asset }
  const held = await holdFor(tx, context, intent, row)
  const after = { ...row, held }
  // Another payment of the merchant took the key at this moment.
  if (!(await insertRefund(tx, after, plan.parts))) throw keyReused()
  await notifyRefundOwner(tx, context, intent.owner, after, 'created')
  if (after.state === 'claimable') await notifyRefundOwner(tx, context, intent.owner, after, 'claimable')
  else tx.afterCommit(() => context.jobs().wake(REFUNDS_QUEUE))
  tx.afterCommit(() => context.log.info({ refundId: row.id, paymentId: intent.id, state: row.state }, 'refund made'))
  return { row: after, replayed: false }
}

async function findSame(tx: Tx, { merchantId, idempotency }: NewRefund): Promise<RefundRow | undefined> {
  if (!idempotency) return undefined
  const row = await findRefundByKey(tx, merchantId, idempotency.key)
  if (row && row.requestHash !== idempotency.hash) throw keyReused()
  return row
}

/** Receipts, oldest first, with what is left of each: in the payment's asset, or of those that came in another and count for nothing. */
async function listRefundable(tx: Tx, intent: IntentRow, asset: Asset): Promise<Refundable[]> {
  const isStray = asset !== intent.asset
  const receipts = isStray ? await listStraysIn(tx, intent.id, asset) : await listRefundableReceipts(tx, intent.id)
  const phones = new Map((await listAttempts(tx, intent.id)).map(({ id, payer }) => [id, payer.phone]))
  const reserved = new Map((await listReserved(tx, intent.id)).map(({ receiptId, amount }) => [receiptId, amount]))
  // What went back beyond a receipt is no longer there to give back of another.
  let gone = receipts.reduce((sum, { excess }) => sum + excess, 0n)
  const leftIn = ({ id, counted, reversed }: ReceiptRow): bigint => {
    const there = counted - reversed - (reserved.get(id) ?? 0n)
    const short = there < gone ? there : gone
    gone -= short > 0n ? short : 0n
    return there - (short > 0n ? short : 0n)
  }
  return receipts.map((receipt) => ({
    receiptId: receipt.id,
    rail: receipt.rail,
    railAccount: receipt.railAccount,
    providerId: receipt.providerId,
    exchanged: receipt.asset !== asset,
    phone: phones.get(receipt.attemptId),
    left: leftIn(receipt),
  }))
}

/** With what is left of them as what they count. */
const listStraysIn = async (tx: Tx, intentId: string, asset: Asset): Promise<ReceiptRow[]> =>
  (await listUncountedReceipts(tx, [intentId]))
    .filter((stray) => stray.asset === asset)
    .map(({ left, ...stray }) => ({ ...stray, counted: left, reversed: 0n }))

function newRow(context: Context, intent: IntentRow, input: NewRefund, plan: Plan, now: Date): RefundRow {
  const id = context.ids.next('re')
  const isClaim = plan.kind === 'claim'
  const claimExpiresAt = isClaim ? addMs(now, context.refunds().claimDays * DAY_MS) : null
  return {
    id,
    intentId: intent.id,
    merchantId: intent.merchantId,
    asset: intent.asset,
    amount: plan.amount,
    held: 0n,
    origin: 'merchant',
    way: plan.kind,
    state: isClaim ? 'claimable' : 'created',
    amountBasis: input.amountBasis ?? 'paid_rate',
    note: input.note ?? '',
    rail: isClaim ? null : plan.rail,
    railAccount: isClaim ? 'main' : plan.railAccount,
    phone: isClaim ? null : (plan.phone ?? null),
    destination: null,
    sending: isClaim ? 0 : 1,
    takenSending: null,
    reference: null,
    number: null,
    reason: null,
    why: null,
    claimHash: isClaim ? claimHashOf(claimSecret(context.callbackKey, id).reveal()) : null,
    claimExpiresAt,
    idempotencyKey: input.idempotency?.key ?? null,
    requestHash: input.idempotency?.hash ?? null,
    dueAt: claimExpiresAt ?? addMs(now, PICK_UP_AFTER_MS),
    checks: 0,
    version: 1,
    createdAt: now,
    submittedAt: null,
    endedAt: null,
  }
}
