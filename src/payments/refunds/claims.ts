import type { Transfer } from '#ledger'
import { addMs } from '#platform/base/clock'
import type { Queryable, Tx } from '#platform/database/db'
import { isId } from '#platform/base/ids'
import { type Context, REFUNDS_QUEUE, transactMoney } from '../context.ts'
import { parseMobile, type MobileCountry } from '#platform/base/phone'
import { badPhone } from '../errors.ts'
import { cancelRefundIfUncovered } from '../reservations/cancel.ts'
import { isClaimSecret } from '../reservations/claim-secret.ts'
import { noSuchPlace, noSuchRefund } from '../reservations/errors.ts'
import { notifyRefundOwner, refundOf } from '../reservations/refund.ts'
import { findIntent, type IntentRow, lockIntent } from '../store/intents.ts'
import { findRefund, lockRefund, type RefundRow, updateRefund } from '../store/refunds.ts'
import { fitsRail } from './plan.ts'
import { submitRefund } from './sending/send.ts'
import type { Claim, ClaimPlace, Refund } from './types.ts'

/** The sender that is the operator: pays in whatever way the payer asked for, and says so by `purser payments refund-sent`. */
export const BY_HAND = 'hand'
const PICK_UP_AFTER_MS = 3000
const MOST_WORDS = 300

/** What a refund's link leads to; undefined when there is none or the secret is not its. */
export async function findClaim(
  context: Context,
  q: Queryable,
  { id, secret }: { id: string; secret: string },
): Promise<Claim | undefined> {
  const row = isId('re', id) ? await findRefund(q, id) : undefined
  if (!row || !isClaimSecret(row, secret)) return undefined
  const intent = await findIntent(q, row.intentId)
  return intent && claimOf(context, intent, row)
}

const claimOf = (context: Context, intent: IntentRow, row: RefundRow): Claim => ({
  refund: refundOf(context, row),
  terms: intent.terms,
  livemode: intent.livemode,
  expiresAt: row.claimExpiresAt ?? row.createdAt,
  places: placesOf(context, row),
  byHand: row.rail === BY_HAND,
})

/** Where the money can go: to phones by the rails that send so much there, and wherever the operator can pay by hand. */
const placesOf = ({ rails }: Context, { asset, amount }: RefundRow): readonly ClaimPlace[] => [
  ...rails
    .filter((rail) => rail.refund?.to === 'phone' && fitsRail(rail, asset, amount))
    .map(({ name, method, phoneCountry }) => ({ kind: 'phone' as const, place: name, method, phoneCountry })),
  { kind: 'words', place: BY_HAND, method: BY_HAND },
]

/**
 * The payer says where the money goes, once: who comes second finds it on its way. A phone is sent to at once; for anything else the operator
 * pays. Throws 404 `payments.no-such-refund`, 422 `payments.no-such-place`, `payments.bad-phone`.
 */
export async function claimRefund(
  context: Context,
  { id, secret, place, to }: { id: string; secret: string; place: string; to: string },
): Promise<Refund> {
  const found = isId('re', id) ? await findRefund(context.db, id) : undefined
  if (!found || !isClaimSecret(found, secret)) throw noSuchRefund()
  const row = await transactMoney(context, (tx, contended) => say(tx, context, found, { place, to, contended }))
  return refundOf(context, row.state === 'created' ? await submitRefund(context, row.id) : row)
}

async function say(
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
  const place = placesOf(context, row).find((each) => each.place === name)
  if (!place) throw noSuchPlace()
  const next = { ...row, rail: name, sending: row.sending + 1, reason: null, why: null, version: row.version + 1 }
  const after: RefundRow =
    place.kind === 'phone'
      ? {
          ...next,
          state: 'created',
          phone: requirePhone(to, place.phoneCountry),
          checks: 0,
          dueAt: addMs(now, PICK_UP_AFTER_MS),
        }
      : { ...next, state: 'pending', destination: requireWords(to), submittedAt: now, dueAt: null }
  await updateRefund(tx, after)
  await notifyRefundOwner(tx, context, intent.owner, after, 'pending')
  tx.afterCommit(() => context.jobs().wake(REFUNDS_QUEUE))
  tx.afterCommit(() => context.log.info({ refundId: id, paymentId: intentId, place: name }, 'refund claimed'))
  return after
}

function requirePhone(to: string, country: MobileCountry | undefined): string {
  const phone = parseMobile(to, country)
  if (phone === undefined) throw badPhone(country)
  return phone
}

function requireWords(to: string): string {
  const words = to.trim()
  if (words === '' || words.length > MOST_WORDS) throw noSuchPlace()
  return words
}
