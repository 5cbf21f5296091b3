import { assetOf } from '#money'
import type {
  AttemptRef,
  Collect,
  CollectRequest,
  InboundRequest,
  Outcome,
  Rail,
  RailDeps,
  Verdict,
} from '#rails/contract'
import type { Mode } from '#platform/environment/config'
import { AppError } from '#platform/base/errors'
import { isMobile, explainInvalidMobile } from '#platform/base/phone'
import { isSigned, parseCallback, toAirtelId } from './callback.ts'
import { AirtelError } from './answer.ts'
import { createAirtel, type Airtel, type AirtelResult } from './client.ts'
import { reasonOf, STATUSES } from './codes.ts'
import type { AirtelConfig } from './config.ts'
import { createStatement } from './statement.ts'
import type { AirtelSettings } from './token.ts'

export type AirtelDeps = Omit<RailDeps<AirtelConfig>, 'log'>

const KES = assetOf('KES')
const COUNTRY = 'KE'
const SHILLING = 100n
/** Limits of one payment: whole shillings, 1 to 150,000 [community]. */
const LIMITS = { min: SHILLING, max: 150_000n * SHILLING, step: SHILLING }
const BASE_URLS: Readonly<Record<Mode, string | undefined>> = {
  // In the sandbox the settings contain the simulator's address.
  sandbox: undefined,
  test: 'https://openapiuat.airtel.africa',
  live: 'https://openapi.airtel.africa',
}
/** A prompt lasts about a minute. Three minutes cover a slow network, and Airtel requires this wait before an enquiry is final. */
const LIFETIME_MS = 180_000
const CHECK_AFTER_MS = [5000, 10_000, 15_000, 15_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000]

/** Creates the rail for Airtel Money in Kenya. It prompts the payer's phone; a callback and an enquiry report the result. */
export function createAirtelRail(deps: AirtelDeps): Rail {
  const airtel = createAirtel({ fetch: deps.fetch, clock: deps.clock, settings: () => requireSettings(deps) })
  return {
    name: 'airtel',
    method: 'airtel',
    assets: [KES],
    phoneCountry: COUNTRY,
    unavailable: () => missingOf(deps),
    limits: () => LIMITS,
    collect: collectWith(deps, airtel),
    webhook: { verify: (request) => verify(deps, request), parse: parseCallback },
    statement: createStatement(airtel, () => missingOf(deps) ?? withoutSummary(deps)),
  }
}

const collectWith = (deps: AirtelDeps, airtel: Airtel): Collect => ({
  kind: 'push',
  needs: ['phone'],
  checkAfterMs: CHECK_AFTER_MS,
  lifetimeMs: LIFETIME_MS,
  start: (request) => push(deps, airtel, request),
  check: (attempt) => enquire(deps, airtel, attempt),
})

async function push(deps: AirtelDeps, airtel: Airtel, request: CollectRequest): Promise<Outcome> {
  const missing = missingOf(deps)
  if (missing) return { kind: 'failed', reason: 'provider-unavailable', why: missing }
  const problem = problemOf(request)
  if (problem) return problem
  const { attemptId, amount, payer, description, merchantName } = request
  const id = toAirtelId(attemptId)
  try {
    await airtel.push({
      id,
      shillings: amount.amount / SHILLING,
      msisdn: (payer.phone ?? '').slice(3),
      reference: referenceOf(description, merchantName),
    })
    return { kind: 'pending', reference: id }
  } catch (error) {
    if (!(error instanceof AirtelError)) throw error
    // The phone may ring: the attempt stays unknown, is queried by our id, and is never sent again.
    if (error.maybeActed) return { kind: 'unknown', why: error.message }
    if (error.code !== 'airtel.rejected') return { kind: 'failed', reason: 'provider-unavailable', why: error.message }
    return {
      kind: 'failed',
      reason: error.responseCode ? reasonOf(error.responseCode) : 'provider-rejected',
      why: error.message,
    }
  }
}

/** Queries a payment by our id, so this also works after a lost response. */
async function enquire(deps: AirtelDeps, airtel: Airtel, attempt: AttemptRef): Promise<Outcome> {
  const id = toAirtelId(attempt.attemptId)
  const known = attempt.reference === undefined ? {} : { reference: attempt.reference }
  const missing = missingOf(deps)
  if (missing) return { kind: 'unknown', why: missing, ...known }
  try {
    return outcomeOf(await airtel.enquire(id), { attempt, id, now: deps.clock.now(), known })
  } catch (error) {
    if (!(error instanceof AirtelError)) throw error
    return { kind: 'unknown', why: error.message, ...known }
  }
}

interface Enquiry {
  readonly attempt: AttemptRef
  readonly id: string
  readonly now: Date
  readonly known: { readonly reference?: string }
}

function outcomeOf({ status, code, moneyId }: AirtelResult, { attempt, id, now, known }: Enquiry): Outcome {
  // Airtel does not know the payment yet, or never received it.
  if (status === undefined)
    return { kind: 'unknown', why: `Airtel does not know this payment (${code ?? 'no code'})`, ...known }
  const why = `status ${status}, ${code ?? 'no code'}`
  switch (Object.hasOwn(STATUSES, status) ? STATUSES[status] : undefined) {
    case 'paid': {
      // The enquiry states no amount. Airtel collects the requested amount or nothing.
      const number = moneyId === undefined ? {} : { number: moneyId }
      const receipt = { id, ...number, gross: attempt.amount, at: now, final: true, stated: false }
      return { kind: 'received', receipts: [receipt], reference: id }
    }
    case 'pending':
      return { kind: 'pending', reference: id }
    case 'expired':
      return { kind: 'failed', reason: 'expired', why, reference: id }
    case 'failed':
      return { kind: 'failed', reason: reasonOf(code), why, reference: id }
    case undefined:
      return { kind: 'unknown', why, ...known }
  }
}

function problemOf({ amount, payer }: CollectRequest): Outcome | undefined {
  if (!isMobile(payer.phone ?? '', COUNTRY))
    return { kind: 'failed', reason: 'invalid-phone', why: `the phone number ${explainInvalidMobile(COUNTRY)}` }
  const { asset, amount: minor } = amount
  const fits = asset === KES && minor >= LIMITS.min && minor <= LIMITS.max && minor % LIMITS.step === 0n
  return fits
    ? undefined
    : { kind: 'failed', reason: 'limit-exceeded', why: 'Airtel Money takes whole shillings from 1 to 150,000' }
}

const REFERENCE_LENGTH = 25

/** Returns the text that the payer reads: ASCII letters, digits and spaces, 4 to 25 characters. */
function referenceOf(...texts: readonly string[]): string {
  const plain = texts.map((text) =>
    text
      .normalize('NFKD')
      .replaceAll(/[^\x20-\x7e]/g, '')
      .replaceAll(/[^A-Za-z0-9]+/g, ' ')
      .trim()
      .slice(0, REFERENCE_LENGTH)
      .trim(),
  )
  return plain.find((text) => text.length >= 4) ?? 'Payment'
}

function verify({ config }: AirtelDeps, { rawBody }: InboundRequest): Verdict {
  const { callbackKey } = config()
  if (!callbackKey) return { ok: false, status: 404, why: 'AIRTEL_CALLBACK_KEY is not set: the endpoint is off' }
  return isSigned(rawBody, callbackKey.reveal())
    ? { ok: true }
    : { ok: false, status: 401, why: 'the hash or the format is wrong' }
}

const withoutSummary = ({ config }: AirtelDeps): string | undefined =>
  config().summary
    ? undefined
    : 'Add the product Transactions Summary to the application at Airtel, then set AIRTEL_TRANSACTIONS_SUMMARY=true'

function missingOf({ mode, config }: AirtelDeps): string | undefined {
  const { clientId, clientSecret, baseUrl } = config()
  const missing = [
    ['AIRTEL_CLIENT_ID', clientId] as const,
    ['AIRTEL_CLIENT_SECRET', clientSecret] as const,
    ['AIRTEL_BASE_URL', baseUrl ?? BASE_URLS[mode]] as const,
  ].flatMap(([name, value]) => (value === undefined ? [name] : []))
  return missing.length === 0 ? undefined : `Airtel Money is off: set ${missing.join(', ')}`
}

function requireSettings(deps: AirtelDeps): AirtelSettings {
  const { clientId, clientSecret, baseUrl = BASE_URLS[deps.mode] } = deps.config()
  if (!clientId || !clientSecret || !baseUrl)
    throw new AppError('payments.rail-unavailable', 503, missingOf(deps) ?? 'Airtel Money is off')
  return { baseUrl, clientId, clientSecret }
}
