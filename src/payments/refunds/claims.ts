import type { Transfer } from '#ledger'
import type { Queryable, Tx } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import { type Context, REFUNDS_QUEUE, transactMoney } from '../context.ts'
import { parseMobile, type MobileCountry } from '#platform/base/phone'
import { badPhone } from '../errors.ts'
import { cancelRefundIfUncovered } from '../reservations/cancel.ts'
import { isClaimSecret } from '../reservations/claim-secret.ts'
import { destinationNotOffered, noSuchRefund } from '../reservations/errors.ts'
import { notifyRefundOwner, toRefund } from '../reservations/refund.ts'
import { findIntent, type IntentRow, lockIntent } from '../store/intents.ts'
import { claimRefund as holdRefund, findRefund, lockRefund, type RefundRow, updateRefund } from '../store/refunds.ts'
import { fitsRail } from './plan.ts'
import { sendOrGiveBack } from './sending/polling.ts'
import type { Claim, ClaimPlace, Refund } from './types.ts'

/** Sender of manual refunds. The operator pays to the payer's destination and runs `npx purser payments refund-sent`. */
export const MANUAL_SENDER = 'hand'
const MAX_DESTINATION_CHARS = 300

/** Returns the refund behind a link; undefined when it does not exist or the secret is wrong. */
export async function findClaim(
  context: Context,
  q: Queryable,
  { id, secret }: { id: string; secret: string },
): Promise<Claim | undefined> {
  const row = isId('re', id) ? await findRefund(q, id) : undefined
  if (!row || !isClaimSecret(row, secret)) return undefined
  const intent = await findIntent(q, row.intentId)
  return intent && toClaim(context, intent, row)
}

const toClaim = (context: Context, intent: IntentRow, row: RefundRow): Claim => ({
  refund: toRefund(context, row),
  terms: intent.terms,
  livemode: intent.livemode,
  expiresAt: row.claimExpiresAt ?? row.createdAt,
  places: listPlaces(context, row),
  isManual: row.rail === MANUAL_SENDER,
})

/** Lists possible destinations: phones of rails that can send this amount, and free text for a manual payment by the operator. */
const listPlaces = ({ rails }: Context, { asset, amount }: RefundRow): readonly ClaimPlace[] => [
  ...rails
    .filter((rail) => rail.refund?.to === 'phone' && fitsRail(rail, asset, amount))
    .map(({ name, method, phoneCountry }) => ({ kind: 'phone' as const, place: name, method, phoneCountry })),
  { kind: 'words', place: MANUAL_SENDER, method: MANUAL_SENDER },
]

/**
 * Records the payer's destination of a refund, once. A second claim returns the refund unchanged. Money to a phone is sent at once; for any other
 * destination the operator pays manually. Throws 404 `payments.no-such-refund`, 422 `payments.no-such-place`, `payments.bad-phone`.
 */
export async function claimRefund(
  context: Context,
  { id, secret, place, to }: { id: string; secret: string; place: string; to: string },
): Promise<Refund> {
  const found = isId('re', id) ? await findRefund(context.db, id) : undefined
  if (!found || !isClaimSecret(found, secret)) throw noSuchRefund()
  const row = await transactMoney(context, (tx, contended) =>
    recordDestination(tx, context, found, { place, to, contended }),
  )
  return toRefund(context, row.state === 'created' ? await sendOrGiveBack(context, row) : row)
}

async function recordDestination(
  tx: Tx,
  context: Context,
  { id, intentId }: RefundRow,
  { place: name, to, contended }: { place: string; to: string; contended: boolean },
): Promise<RefundRow> {
  const intent = await lockIntent(tx, intentId)
  const now = context.clock.now()
  const transfers: Transfer[] = []
  if (intent) await cancelRefundIfUncovered({ tx, context, now, intent, contended, transfers }, id)
  if (transfers.length > 0) await context.ledger.post(tx, transfers)
  const row = await lockRefund(tx, id)
  if (!intent || row.state !== 'claimable' || (row.claimExpiresAt !== null && now >= row.claimExpiresAt)) return row
  const place = listPlaces(context, row).find((each) => each.place === name)
  if (!place) throw destinationNotOffered()
  const next = { ...row, rail: name, sending: row.sending + 1, reason: null, why: null, version: row.version + 1 }
  const after: RefundRow =
    place.kind === 'phone'
      ? {
          ...next,
          state: 'created',
          phone: requirePhone(to, place.phoneCountry),
          checks: 0,
          dueAt: now,
        }
      : { ...next, state: 'pending', destination: requireDestination(to), submittedAt: now, dueAt: null }
  await updateRefund(tx, after)
  await notifyRefundOwner(tx, context, intent.owner, after, 'pending')
  tx.afterCommit(() => context.jobs().wake(REFUNDS_QUEUE))
  tx.afterCommit(() => context.log.info({ refundId: id, paymentId: intentId, place: name }, 'refund claimed'))
  // The request sends the refund at once.
  return after.state === 'created' ? holdRefund(tx, after, context.jobs().instanceId) : after
}

function requirePhone(to: string, country: MobileCountry | undefined): string {
  const phone = parseMobile(to, country)
  if (phone === undefined) throw badPhone(country)
  return phone
}

function requireDestination(to: string): string {
  const words = to.trim()
  if (words === '' || words.length > MAX_DESTINATION_CHARS) throw destinationNotOffered()
  return words
}
