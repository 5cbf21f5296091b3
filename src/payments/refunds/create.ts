import { type Asset, money } from '#money'
import { addMs } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import { type Context, REFUNDS_QUEUE } from '../context.ts'
import { keyReused, notFound } from '../errors.ts'
import { claimHashOf, claimSecret } from '../reservations/claim-secret.ts'
import { duplicateRefund } from '../reservations/errors.ts'
import { holdRefund } from '../reservations/hold.ts'
import { notifyRefundOwner } from '../reservations/refund.ts'
import { listAttempts } from '../store/attempts.ts'
import { type IntentRow, lockIntent } from '../store/intents.ts'
import { listRefundableReceipts, listUncountedReceipts, type ReceiptRow } from '../store/receipts.ts'
import { findSimilarRefund, findRefundByKey, insertRefund, listReserved, type RefundRow } from '../store/refunds.ts'
import { type Plan, planRefund, type Refundable } from './plan.ts'
import { sendOrGiveBack } from './sending/polling.ts'
import type { NewRefund } from './types.ts'

const DAY_MS = 24 * 60 * 60_000

/** See Refunds.create. */
export async function createRefund(context: Context, input: NewRefund): Promise<{ row: RefundRow; replayed: boolean }> {
  const opened = await context.db.transaction((tx) => openRefund(tx, context, input))
  if (opened.replayed || opened.row.state !== 'created' || input.later) return opened
  return { row: await sendOrGiveBack(context, opened.row), replayed: false }
}

async function openRefund(tx: Tx, context: Context, input: NewRefund): Promise<{ row: RefundRow; replayed: boolean }> {
  const now = context.clock.now()
  // This lock serializes the refunds of a payment, so the refundable amount is correct.
  const intent = isId('pay', input.intentId) ? await lockIntent(tx, input.intentId) : undefined
  if (!intent || intent.merchantId !== input.merchantId) throw notFound()
  const before = await findReplayed(tx, input)
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
  if (alike) throw duplicateRefund(alike.id)
  const row = { ...newRow(context, intent, input, plan, now), asset }
  const held = await holdRefund(tx, context, intent, row)
  const after = { ...row, held }
  // A concurrent refund of another payment used the key.
  if (!(await insertRefund(tx, after, plan.parts))) throw keyReused()
  await notifyRefundOwner(tx, context, intent.owner, after, 'created')
  if (after.state === 'claimable') await notifyRefundOwner(tx, context, intent.owner, after, 'claimable')
  else tx.afterCommit(() => context.jobs().wake(REFUNDS_QUEUE))
  tx.afterCommit(() => context.log.info({ refundId: row.id, paymentId: intent.id, state: row.state }, 'refund created'))
  return { row: after, replayed: false }
}

async function findReplayed(tx: Tx, { merchantId, idempotency }: NewRefund): Promise<RefundRow | undefined> {
  if (!idempotency) return undefined
  const row = await findRefundByKey(tx, merchantId, idempotency.key)
  if (row && row.requestHash !== idempotency.hash) throw keyReused()
  return row
}

/** Lists receipts, oldest first, with their refundable amounts: receipts in the payment's asset, or uncounted ones in `asset`. */
async function listRefundable(tx: Tx, intent: IntentRow, asset: Asset): Promise<Refundable[]> {
  const isStray = asset !== intent.asset
  const receipts = isStray ? await listUncountedIn(tx, intent.id, asset) : await listRefundableReceipts(tx, intent.id)
  const phones = new Map((await listAttempts(tx, intent.id)).map(({ id, payer }) => [id, payer.phone]))
  const reserved = new Map((await listReserved(tx, intent.id)).map(({ receiptId, amount }) => [receiptId, amount]))
  // Money that left beyond one receipt reduces the refundable amount of the others.
  let excessLeft = receipts.reduce((sum, { excess }) => sum + excess, 0n)
  const remainingIn = ({ id, counted, reversed }: ReceiptRow): bigint => {
    const unreserved = counted - reversed - (reserved.get(id) ?? 0n)
    const offset = unreserved < excessLeft ? unreserved : excessLeft
    excessLeft -= offset > 0n ? offset : 0n
    return unreserved - (offset > 0n ? offset : 0n)
  }
  return receipts.map((receipt) => ({
    receiptId: receipt.id,
    rail: receipt.rail,
    railAccount: receipt.railAccount,
    providerId: receipt.providerId,
    exchanged: receipt.asset !== asset,
    phone: phones.get(receipt.attemptId),
    remaining: remainingIn(receipt),
  }))
}

/** Lists receipts that arrived in another asset and were not counted. `counted` is their refundable amount. */
const listUncountedIn = async (tx: Tx, intentId: string, asset: Asset): Promise<ReceiptRow[]> =>
  (await listUncountedReceipts(tx, [intentId]))
    .filter((stray) => stray.asset === asset)
    .map(({ left: counted, ...stray }) => ({ ...stray, counted, reversed: 0n }))

function newRow(context: Context, intent: IntentRow, input: NewRefund, plan: Plan, now: Date): RefundRow {
  const id = context.ids.next('re')
  const isClaim = plan.kind === 'claim'
  // The request that creates a refund sends it at once, unless it is for later.
  const claimedBy = isClaim || input.later ? null : context.jobs().instanceId
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
    dueAt: claimExpiresAt ?? now,
    claimedBy,
    claim: 1n,
    checks: 0,
    version: 1,
    createdAt: now,
    submittedAt: null,
    endedAt: null,
  }
}
