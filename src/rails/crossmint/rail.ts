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

/** One to five thousand dollars: what its onramp is known to take [community]. */
const LIMITS = { min: 100n, max: 500_000n, step: 1n }
const BASE_URLS: Readonly<Record<Mode, string | undefined>> = {
  // The sandbox gives its own address in the settings.
  sandbox: undefined,
  test: 'https://staging.crossmint.com/api',
  live: 'https://www.crossmint.com/api',
}
const LIFETIME_MS = 24 * 60 * 60_000
const CHECK_AFTER_MS = [5000, 5000, 10_000, 10_000, 15_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000]
/** Whoever waits for the page has tried again by then. */
const NEVER_SHOWN_MS = 60_000

/** Cards and stablecoins through an order at Crossmint: the payer pays on Crossmint's page. */
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
    return { kind: 'failed', reason: 'limit-exceeded', why: 'Crossmint takes 1 to 5,000 US dollars' }
  }
  try {
    const { order, clientSecret } = await client.createOrder(newOrder(deps, request))
    return withPage(
      fitting(request, order, deps.clock.now()),
      pageOf(deps, order.orderId, clientSecret, request.returnUrl),
    )
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
    // The answer was lost, and with it the order's id and secret: nobody can be shown its page, so nobody can pay it.
    if (deps.clock.now() < addMs(attempt.createdAt, NEVER_SHOWN_MS))
      return { kind: 'unknown', why: 'the answer to the order was lost' }
    return { kind: 'failed', reason: 'provider-unavailable', why: 'the page was never shown' }
  }
  const problem = problemOf(deps)
  if (problem) return { kind: 'unknown', why: problem, reference }
  try {
    const order = await client.fetchOrder(reference)
    if (order.orderId !== reference) return { kind: 'unknown', why: 'the answer is about another order', reference }
    return fitting(attempt.request, order, deps.clock.now())
  } catch (error) {
    if (!(error instanceof CrossmintError)) throw error
    return { kind: 'unknown', why: error.message, reference }
  }
}

/** An order that costs more or less than the attempt is not shown to a payer; one that was paid counts for what it says. */
function fitting({ amount }: CollectRequest, order: Parameters<typeof outcomeOf>[0], now: Date): Outcome {
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

/** Crossmint's hosted checkout of an order that was made by a server. The names of what sends the payer back are not verified. */
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
 * Events come more than once and in any order, so they only say that there is news of an order, and `check` fetches it as it is now. Quotes
 * are no news: they move while the payer chooses. The older `purchase.…` events tell what the others tell.
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
