import { formatAmount } from '#money'
import type {
  AttemptRef,
  Collect,
  CollectRequest,
  Fact,
  InboundEvent,
  InboundRequest,
  Outcome,
  Rail,
  RailDeps,
  Verdict,
} from '#rails/contract'
import { addMs } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import { AppError } from '#platform/base/errors'
import { verifySignature } from '#platform/base/signatures'
import { createCrossmint, CrossmintError, type Crossmint, type CrossmintSettings, type NewOrder } from './client.ts'
import { keyProblem, type CrossmintConfig } from './config.ts'
import { outcomeOf, priceOf, USD } from './order.ts'
import { createStatement } from './statement.ts'
import { event as eventShape, orderOfEvent } from './wire.ts'

export type CrossmintDeps = RailDeps<CrossmintConfig>

/** Limits of Crossmint's onramp: 1 to 5,000 US dollars [community]. */
const LIMITS = { min: 100n, max: 500_000n, step: 1n }
const BASE_URLS: Readonly<Record<Mode, string | undefined>> = {
  // In the sandbox the settings contain the simulator's address.
  sandbox: undefined,
  test: 'https://staging.crossmint.com/api',
  live: 'https://www.crossmint.com/api',
}
const LIFETIME_MS = 24 * 60 * 60_000
const CHECK_AFTER_MS = [5000, 5000, 10_000, 10_000, 15_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000]
/** Time after which a payer whose order response was lost has started again. */
const NEVER_SHOWN_MS = 60_000

/** Creates the rail for cards and stablecoins through Crossmint. The payer pays an order on Crossmint's page. */
export function createCrossmintRail(deps: CrossmintDeps): Rail {
  const client = createCrossmint({ fetch: deps.fetch, settings: () => requireSettings(deps) })
  return {
    name: 'crossmint',
    method: 'crossmint',
    assets: [USD],
    unavailable: () => problemOf(deps),
    limits: () => LIMITS,
    collect: collectWith(deps, client),
    webhook: { verify: (request) => verify(deps, request), parse: parseFacts },
    statement: createStatement(client, LIFETIME_MS),
  }
}

function collectWith(deps: CrossmintDeps, client: Crossmint): Collect {
  return {
    kind: 'page',
    needs: [],
    checkAfterMs: CHECK_AFTER_MS,
    lifetimeMs: LIFETIME_MS,
    start: (request) => start(deps, client, request),
    check: (attempt) => check(deps, client, attempt),
  }
}

async function start(deps: CrossmintDeps, client: Crossmint, request: CollectRequest): Promise<Outcome> {
  const problem = problemOf(deps)
  if (problem) return { kind: 'failed', reason: 'provider-unavailable', why: problem }
  const { asset, amount } = request.amount
  if (asset !== USD || amount < LIMITS.min || amount > LIMITS.max) {
    return { kind: 'failed', reason: 'limit-exceeded', why: 'Crossmint accepts 1 to 5,000 US dollars' }
  }
  try {
    const { order, clientSecret } = await client.createOrder(newOrder(deps, request))
    const outcome = outcomeAtPrice(request, order, deps.clock.now())
    // No payer gets the page of an order with another price, so it cannot be paid and must not block other methods.
    if (outcome.kind === 'unknown') return { kind: 'failed', reason: 'provider-rejected', why: outcome.why }
    return withPage(outcome, pageOf(deps, order.orderId, clientSecret, request.returnUrl))
  } catch (error) {
    if (!(error instanceof CrossmintError)) throw error
    if (error.maybeActed) return { kind: 'unknown', why: error.message }
    const reason = error.code === 'crossmint.rejected' ? 'provider-rejected' : 'provider-unavailable'
    return { kind: 'failed', reason, why: error.message }
  }
}

async function check(deps: CrossmintDeps, client: Crossmint, attempt: AttemptRef): Promise<Outcome> {
  const { reference } = attempt
  if (reference === undefined) {
    // The lost response contained the order's id and secret. No payer can see its page, so it cannot be paid.
    if (deps.clock.now() < addMs(attempt.createdAt, NEVER_SHOWN_MS))
      return { kind: 'unknown', why: 'the response to the order was lost' }
    return { kind: 'failed', reason: 'provider-unavailable', why: 'the page was never shown' }
  }
  const problem = problemOf(deps)
  if (problem) return { kind: 'unknown', why: problem, reference }
  try {
    const order = await client.fetchOrder(reference)
    if (order.orderId !== reference) return { kind: 'unknown', why: 'the response is about another order', reference }
    return outcomeAtPrice(attempt.request, order, deps.clock.now())
  } catch (error) {
    if (!(error instanceof CrossmintError)) throw error
    return { kind: 'unknown', why: error.message, reference }
  }
}

/** Returns the order's outcome. A pending order with another price than the attempt is `unknown`, so no payer sees it. A paid one counts at its price. */
function outcomeAtPrice({ amount }: CollectRequest, order: Parameters<typeof outcomeOf>[0], now: Date): Outcome {
  const outcome = outcomeOf(order, now)
  const price = priceOf(order)
  if (outcome.kind !== 'pending' || price === undefined || price.amount === amount.amount) return outcome
  const why = `the order costs ${formatAmount(price)}, not ${formatAmount(amount)}`
  return { kind: 'unknown', why, reference: order.orderId }
}

const withPage = (outcome: Outcome, redirectUrl: string): Outcome =>
  outcome.kind === 'pending' ? { ...outcome, redirectUrl } : outcome

function newOrder({ config }: CrossmintDeps, { amount, payer }: CollectRequest): NewOrder {
  const { tokenLocator, collectionLocator = '', wallet = '', paymentMethod } = config()
  return {
    dollars: formatAmount(amount),
    item: tokenLocator === undefined ? { collectionLocator } : { tokenLocator },
    wallet,
    paymentMethod,
    email: payer.email,
  }
}

/** Returns the URL of Crossmint's hosted checkout for an order created by a server. The names of the return parameters are not verified. */
function pageOf(deps: CrossmintDeps, orderId: string, clientSecret: string, returnUrl: string): string {
  const host = requireSettings(deps).baseUrl.replace(/\/api$/, '')
  const query = new URLSearchParams({
    clientSecret,
    payment: JSON.stringify({ fiat: { enabled: true }, crypto: { enabled: true } }),
    successCallbackURL: returnUrl,
    failureCallbackURL: returnUrl,
  })
  return `${host}/sdk/2024-03-05/hosted-checkout/${encodeURIComponent(orderId)}?${query.toString()}`
}

function verify({ config }: CrossmintDeps, { headers, rawBody: body, now }: InboundRequest): Verdict {
  const { webhookSecret } = config()
  if (!webhookSecret) return { ok: false, status: 404, why: 'CROSSMINT_WEBHOOK_SECRET is not set: the endpoint is off' }
  const checked = verifySignature({ headers, body, now }, webhookSecret.reveal())
  return checked.ok ? { ok: true, eventId: checked.id } : { ok: false, status: 401, why: checked.why }
}

/**
 * Returns the facts of an event. Events repeat and arrive in any order, so they only trigger `check`, which fetches the current order. Quote
 * events are ignored, because quotes change while the payer chooses. The older `purchase.…` events duplicate the others and are ignored.
 */
function parseFacts({ rawBody }: InboundEvent): readonly Fact[] {
  const { type, data } = eventShape.parse(JSON.parse(rawBody.toString('utf8')))
  if (!/^orders\.(payment|delivery)\./.test(type)) return []
  const { orderId: reference } = orderOfEvent.parse(data)
  return [{ about: { reference }, outcome: { kind: 'pending', reference }, needsCheck: true }]
}

function problemOf({ mode, config }: CrossmintDeps): string | undefined {
  const { apiKey, clientId, wallet, tokenLocator, collectionLocator, baseUrl } = config()
  const isServerKey = apiKey?.reveal().startsWith('sk_') === true
  const missing = [
    ['CROSSMINT_API_KEY', apiKey] as const,
    ['CROSSMINT_CLIENT_ID', isServerKey || !apiKey ? 'not needed' : clientId] as const,
    ['CROSSMINT_WALLET_ADDRESS', wallet] as const,
    ['CROSSMINT_TOKEN_LOCATOR (or CROSSMINT_COLLECTION_LOCATOR)', tokenLocator ?? collectionLocator] as const,
    ['CROSSMINT_BASE_URL', baseUrl ?? BASE_URLS[mode]] as const,
  ].flatMap(([name, value]) => (value === undefined ? [name] : []))
  if (missing.length > 0) return `Crossmint is off: set ${missing.join(', ')}`
  return apiKey && keyProblem(apiKey.reveal(), mode)
}

function requireSettings(deps: CrossmintDeps): CrossmintSettings {
  const { apiKey, clientId, baseUrl = BASE_URLS[deps.mode] } = deps.config()
  if (!apiKey || !baseUrl) {
    throw new AppError('payments.rail-unavailable', 503, problemOf(deps) ?? 'Crossmint is off')
  }
  return { apiKey, clientId, baseUrl }
}
