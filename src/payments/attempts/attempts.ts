import { TRANSFER_RAIL, BALANCE_RAIL } from '../methods/types.ts'
import { callbackUrl } from '#inbox'
import { type Asset, currencyOf, formatAmount, money } from '#money'
import { addMs, monotonicMs } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import { isClaimHeld } from '#platform/runtime/jobs'
import { FetchError } from '#platform/web/fetch'
import { parseMobile } from '#platform/base/phone'
import type { CollectRequest, Outcome, Payer, Rail } from '#rails/contract'
import {
  WATCH_FOR_MS,
  allocateAddress,
  type RequestedAmount,
  quoteRequestedAmount,
  type Collector,
  isReusable,
  renewRequest,
} from '../addresses/addresses.ts'
import { type Context, railOf } from '../context.ts'
import {
  alreadyPaid,
  amountNotAccepted,
  badPhone,
  attemptInFlight,
  methodNotAllowed,
  methodUnavailable,
  notFound,
  paymentEnded,
  payerDetailMissing,
  promptLive,
} from '../errors.ts'
import { assetFor } from '../exchange/prices.ts'
import { refreshIntent } from '../intents/refresh.ts'
import { isLive, isEnded } from '../intents/state.ts'
import {
  type AttemptRow,
  beginSubmission,
  extendWatches,
  findAttempt,
  type HeldAttempt,
  holdsSubmission,
  insertAttempt,
  listAttempts,
  listPrompts,
  lockPhone,
  maskPhone,
} from '../store/attempts.ts'
import { extendIntent, findIntent, type IntentRow, lockIntent } from '../store/intents.ts'
import { serializeExchange } from '../store/stored-exchange.ts'
import { requireCustomerFunds } from './funds.ts'
import { requireAttemptsLeft, requireFewDeclines, requireFewPrompts } from './limits.ts'
import { recordOutcome } from './outcomes.ts'
import type { PaymentMethod, StartAttempt } from './types.ts'

/** Attempts older than this are not submitted: the payer no longer waits for the prompt. */
const STALE_MS = 2 * 60_000

/** Retention of request keys, the same as that of idempotency keys. */
const KEEP_REQUESTS_MS = 30 * 24 * 60 * 60_000

const canCollect = (rail: Rail): rail is Collector => rail.collect !== undefined

export const listMethods = ({ rails, prices }: Context, asset: Asset): readonly PaymentMethod[] =>
  rails.filter(canCollect).flatMap((rail) => {
    // The hosted page does not authenticate the payer, so only a merchant can charge a customer balance.
    if (rail.collect.kind === 'balance') return []
    const limits = prices.limits(rail, asset)
    if (!limits) return []
    const { kind, needs } = rail.collect
    return [
      {
        method: rail.method,
        rail: rail.name,
        kind,
        needs,
        phoneCountry: rail.phoneCountry,
        limits,
        closes: rail.collect.close !== undefined,
        unavailable: rail.unavailable(),
      },
    ]
  })

/**
 * The opened attempt, or the open pages that must be closed at their providers first. `again`: the attempt existed
 * before.
 */
export type OpenedAttempt =
  { readonly attempt: AttemptRow; readonly again: boolean } | { readonly rivals: readonly AttemptRow[] }

/**
 * Fetches the rate that an attempt will need. Queries price sources when necessary, so it runs outside the transaction.
 */
export async function requireRate(context: Context, { intentId, method }: StartAttempt): Promise<void> {
  if (!context.rails.some((rail) => rail.exchanges && rail.method === method)) return
  const intent = await findIntent(context.db, intentId)
  // The transaction reports an invalid intent or method.
  if (!intent?.methods.includes(method) || isEnded(intent.status)) return
  const rail = context.rails.find(
    (each) => each.exchanges && each.method === method && each.unavailable() === undefined,
  )
  const asset = rail && assetFor(rail, intent.asset)
  if (asset === undefined || asset === intent.asset) return
  await context.rates?.rate(currencyOf(intent.asset), currencyOf(asset))
}

/**
 * Checks that the attempt may start, and inserts it as `created`. Reports rival pages only after every other check has
 * passed.
 */
export async function openAttempt(tx: Tx, context: Context, input: StartAttempt): Promise<OpenedAttempt> {
  const now = context.clock.now()
  const intent = await lockIntent(tx, input.intentId)
  if (!intent || (input.merchantId !== undefined && intent.merchantId !== input.merchantId)) throw notFound()
  const attempts = await listAttempts(tx, intent.id)
  const { requestKey = null } = input
  const same = requestKey === null ? undefined : findByRequestKey(attempts, requestKey, now)
  if (same) return { attempt: same, again: true }
  requirePayable(intent, input.method, now)
  const rail = requireRail(context, intent, input)
  const offered = attempts.findLast((each) => isReusable(each, rail))
  requireNoLiveAttempt(attempts, offered, now)
  const pages = attempts.filter(({ kind, state }) => kind === 'page' && isLive(state))
  if (offered && pages.length > 0) return { rivals: pages }
  if (offered) return { attempt: await renewRequest(tx, context, rail, { intent, attempt: offered, now }), again: true }
  const due = intent.amount - intent.received
  const payer = requirePayer(rail, input.payer)
  const ask = await quoteRequestedAmount(context, tx, rail, money(intent.asset, due))
  requireAcceptedAmount(rail, ask.amount.asset, ask.amount.amount)
  const open = attempts.find((each) => isSameRequest(each, rail, due, payer, now))
  const rivals = pages.filter((each) => each !== open)
  if (rivals.length > 0 && open) return { rivals }
  if (open) return { attempt: open, again: true }
  requireAttemptsLeft(attempts, context.limits)
  const railAccount =
    rail.collect.kind === 'balance' ? await requireCustomerFunds(tx, context.ledger, intent, due) : 'main'
  if (input.merchantId === undefined) await requirePublicLimits(tx, context, rail, payer, attempts)
  if (rivals.length > 0) return { rivals }

  const placed = await allocateAddress(tx, context, rail, { intent, now })
  const attempt = {
    ...newAttempt(context, { intent, rail, railAccount, ask, payer, returnUrl: input.returnUrl, requestKey, now }),
    ...placed,
  }
  await insertAttempt(tx, attempt)
  await refreshIntent(tx, context, await extendExpiry(tx, intent, attempt), now, { shows: true })
  tx.afterCommit(() => context.meters.payments.inc({ provider: rail.name, status: 'started' }))
  return { attempt, again: false }
}

/**
 * Refuses a second way to pay while the first can still succeed: a prompt that can be approved, a balance being
 * debited, or money that is not final (except at the same address). Throws 409 `payments.attempt-in-flight`.
 */
function requireNoLiveAttempt(attempts: readonly AttemptRow[], offered: AttemptRow | undefined, now: Date): void {
  const live = attempts.filter(({ state }) => isLive(state))
  const prompt = live.find(({ kind }) => kind === 'push')
  if (prompt) throw promptLive(maskPhone(prompt.payer.phone ?? ''), prompt.endsAt ?? now, now)
  if (live.some((each) => each.kind === 'balance' || (each.unconfirmed && each !== offered))) throw attemptInFlight()
}

/** Extends the intent to the end of a manual transfer's instructions, which can take days. */
async function extendExpiry(tx: Tx, intent: IntentRow, { kind, endsAt }: AttemptRow): Promise<IntentRow> {
  if (kind !== 'transfer' || endsAt === null || endsAt <= intent.expiresAt) return intent
  const after = { ...intent, expiresAt: endsAt }
  await extendIntent(tx, after)
  await extendWatches(tx, intent.id, addMs(endsAt, WATCH_FOR_MS))
  return after
}

/** Returns when a new attempt can no longer be paid; null when only the provider knows. */
function endOf(
  { collect: { kind, lifetimeMs } }: Collector,
  { expiresAt, firstExpiresAt }: IntentRow,
  now: Date,
): Date | null {
  const end = addMs(now, lifetimeMs)
  if (kind === 'push') return end
  // The first transfer extends the payment. Later ones keep that end.
  if (kind === 'transfer') return firstExpiresAt === null && end > expiresAt ? end : expiresAt
  return null
}

const findByRequestKey = (attempts: readonly AttemptRow[], requestKey: string, now: Date): AttemptRow | undefined =>
  attempts.find((each) => each.requestKey === requestKey && now < addMs(each.createdAt, KEEP_REQUESTS_MS))

function requirePayable(intent: IntentRow, method: string, now: Date): void {
  if (intent.status === 'paid') throw alreadyPaid()
  if (isEnded(intent.status)) throw paymentEnded(intent.status)
  // The expiry job may not have run yet.
  if (now >= intent.expiresAt) throw paymentEnded('expired')
  // A manual transfer extends the payment for itself. Other methods end at the original expiry, at whose price they were offered.
  if (intent.firstExpiresAt && now >= intent.firstExpiresAt && method !== TRANSFER_RAIL) throw paymentEnded('expired')
}

function requireRail(context: Context, intent: IntentRow, { method, merchantId }: StartAttempt): Collector {
  // The checkout URL does not authenticate the payer, so it must not spend a customer's balance.
  const isAllowed = method !== BALANCE_RAIL || merchantId !== undefined
  if (!isAllowed || !intent.methods.includes(method)) throw methodNotAllowed(method, intent.methods)
  const able = context.rails
    .filter(canCollect)
    .filter((rail) => rail.method === method && assetFor(rail, intent.asset) !== undefined)
  const rail = able.find((each) => each.unavailable() === undefined)
  if (!rail) throw methodUnavailable(method, able[0]?.unavailable() ?? `no rail takes ${intent.asset} by ${method}`)
  return rail
}

function requireAcceptedAmount(rail: Collector, asset: Asset, amount: bigint): void {
  const { min, max, step } = rail.limits(asset)
  const show = (minor: bigint): string => `${currencyOf(asset)} ${formatAmount(money(asset, minor))}`
  if (amount < min) throw amountNotAccepted(rail.method, `${show(amount)} is below its minimum of ${show(min)}`)
  if (amount > max) throw amountNotAccepted(rail.method, `${show(amount)} is above its maximum of ${show(max)}`)
  if (amount % step !== 0n) throw amountNotAccepted(rail.method, `${show(amount)} is not a multiple of ${show(step)}`)
}

/** Validates the payer's details and drops every other field. */
function requirePayer({ collect, method, phoneCountry }: Collector, { phone, email, name }: Payer): Payer {
  const payer = { ...(phone && { phone }), ...(email && { email }), ...(name && { name }) }
  for (const need of collect.needs) if (payer[need] === undefined) throw payerDetailMissing(need, method)
  if (!collect.needs.includes('phone')) return payer
  const number = parseMobile(payer.phone ?? '', phoneCountry)
  if (number === undefined) throw badPhone(phoneCountry)
  return { ...payer, phone: number }
}

/** Returns whether an open page or transfer serves the same request. A second one could be paid as well. */
function isSameRequest(attempt: AttemptRow, rail: Collector, amount: bigint, payer: Payer, now: Date): boolean {
  return (
    (rail.collect.kind === 'page' || rail.collect.kind === 'transfer') &&
    attempt.rail === rail.name &&
    isLive(attempt.state) &&
    !attempt.unconfirmed &&
    attempt.amount === amount &&
    attempt.payer.email === payer.email &&
    // A transfer keeps its payment code until it ends.
    // A page that cannot be closed is returned until it ends, because no second one may start beside it.
    (rail.collect.close === undefined || now.getTime() - attempt.createdAt.getTime() < rail.collect.lifetimeMs / 2)
  )
}

async function requirePublicLimits(
  tx: Tx,
  context: Context,
  rail: Collector,
  payer: Payer,
  attempts: readonly AttemptRow[],
): Promise<void> {
  const { limits, clock } = context
  const now = clock.now()
  requireFewDeclines(attempts, limits, now)
  if (rail.collect.kind !== 'push' || payer.phone === undefined || limits.exemptPhone?.(payer.phone)) return
  await lockPhone(tx, payer.phone)
  requireFewPrompts(await listPrompts(tx, payer.phone, addMs(now, -limits.promptWindowMs)), limits, now)
}

interface Opening {
  intent: IntentRow
  rail: Collector
  railAccount: string
  ask: RequestedAmount
  payer: Payer
  returnUrl: string
  requestKey: string | null
  now: Date
}

/** Builds an attempt that this process has claimed, because the request that creates it submits it at once. */
export const newAttempt = (
  { ids, jobs }: Context,
  { intent, rail, railAccount, ask, payer, returnUrl, requestKey, now }: Opening,
): AttemptRow => ({
  id: ids.next('att'),
  intentId: intent.id,
  rail: rail.name,
  railAccount,
  method: rail.method,
  kind: rail.collect.kind,
  state: 'created',
  asset: ask.amount.asset,
  amount: ask.amount.amount,
  reference: null,
  redirectUrl: null,
  address: null,
  paymentUri: null,
  due: null,
  indexSpace: null,
  addressIndex: null,
  watchUntil: null,
  exchange: ask.exchange ? serializeExchange(ask.exchange) : null,
  tolerance: ask.tolerance,
  payer,
  returnUrl,
  requestKey,
  reason: null,
  declined: null,
  why: null,
  unconfirmed: false,
  dueAt: now,
  claimedBy: jobs().instanceId,
  claim: 1n,
  checks: 0,
  createdAt: now,
  submittedAt: null,
  endedAt: null,
  endsAt: endOf(rail, intent, now),
  sentAt: null,
})

/**
 * Submits an attempt that this process has claimed to its rail. An attempt is never sent twice, whatever happens to this process: only
 * `created` can be submitted, and only by the holder of the claim.
 */
export async function submit(context: Context, held: HeldAttempt & Pick<AttemptRow, 'intentId'>): Promise<AttemptRow> {
  const holder = context.jobs().instanceId
  const now = context.clock.now()
  const intent = await findIntent(context.db, held.intentId)
  if (!intent) throw notFound()
  const sinceMs = monotonicMs()
  const claimed = await beginSubmission(context.db, held, holder, now)
  const current = async (): Promise<AttemptRow> =>
    (await findAttempt(context.db, held.id)) ?? Promise.reject(notFound())
  if (!claimed) return current()
  // This process may have been frozen after the commit. Then another one has taken over, and asks the provider.
  if (!(await isClaimHeld(sinceMs, () => holdsSubmission(context.db, held, holder)))) {
    context.log.warn({ attemptId: held.id, rail: claimed.rail }, 'not sent: another instance took over the attempt')
    return current()
  }
  const outcome = await startOnRail(context, intent, claimed, now)
  return (await recordOutcome(context, { attempt: claimed, outcome, from: 'start', held })).attempt
}

async function startOnRail(context: Context, intent: IntentRow, attempt: AttemptRow, now: Date): Promise<Outcome> {
  const collect = railOf(context, attempt.rail)?.collect
  if (!collect) return { kind: 'failed', reason: 'provider-unavailable', why: 'not sent: the rail is not configured' }
  const why = whyNotSent(intent, attempt, now)
  if (why !== undefined) return { kind: 'failed', reason: 'expired', why: `not sent: ${why}` }
  try {
    return await collect.start(requestOf(context, intent, attempt))
  } catch (error) {
    const { id: attemptId, rail } = attempt
    context.log.warn({ paymentId: intent.id, attemptId, rail, error }, 'rail did not answer')
    if (error instanceof FetchError && !error.maybeSent)
      return { kind: 'failed', reason: 'provider-unavailable', why: error.code }
    return {
      kind: 'unknown',
      why: error instanceof FetchError ? error.code : 'the rail failed with an unexpected error',
    }
  }
}

/** Returns why an attempt that a crash left behind is no longer sent; undefined when the payer can still expect it. */
function whyNotSent(intent: IntentRow, attempt: AttemptRow, now: Date): string | undefined {
  if (isEnded(intent.status)) return `the payment is ${intent.status}`
  if (now >= intent.expiresAt) return 'the payment is expired'
  return now.getTime() - attempt.createdAt.getTime() > STALE_MS ? 'too old' : undefined
}

/** Builds the rail's request from rows that do not change, so that a repeat is identical. */
export function requestOf(context: Context, intent: IntentRow, attempt: AttemptRow): CollectRequest {
  const rail = railOf(context, attempt.rail) ?? { name: attempt.rail }
  return {
    attemptId: attempt.id,
    intentId: intent.id,
    amount: money(attempt.asset, attempt.amount),
    payer: attempt.payer,
    merchantName: intent.terms.merchantName,
    description: intent.description,
    callbackUrl: callbackUrl(context.publicUrl(), context.callbackKey, rail, attempt.id),
    returnUrl: attempt.returnUrl,
    expiresAt: intent.expiresAt,
    ...(attempt.addressIndex !== null && { index: attempt.addressIndex }),
  }
}
