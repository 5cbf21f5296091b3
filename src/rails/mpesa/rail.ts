import { BlockList, isIP } from 'node:net'
import { createDaraja, DarajaError, type Daraja, type DarajaSettings } from '#clients/daraja'
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
import { parseCallback } from './callback.ts'
import { PROCESSING, reasonOf, reasonOfRefusal, SUCCESS } from './codes.ts'
import type { MpesaConfig } from './config.ts'
import { createStatement } from './statement.ts'
import { refundingWith } from './refund.ts'
import { shortText } from './text.ts'

export type MpesaDeps = RailDeps<MpesaConfig>

const KES = assetOf('KES')
const COUNTRY = 'KE'
const SHILLING = 100n
/** Safaricom's limits of one transaction: whole shillings, 1 to 150,000. */
const LIMITS = { min: SHILLING, max: 150_000n * SHILLING, step: SHILLING }
const BASE_URLS: Readonly<Record<Mode, string | undefined>> = {
  // In the sandbox the settings contain the simulator's address.
  sandbox: undefined,
  test: 'https://sandbox.safaricom.co.ke',
  live: 'https://api.safaricom.co.ke',
}
/** A prompt lasts about a minute. Three minutes cover a slow network. */
const LIFETIME_MS = 180_000
/** Checks after 5, 10, 20, 30, 45, 60, 90 s, …: callbacks can be lost, and most payers answer within half a minute. */
const CHECK_AFTER_MS = [5000, 5000, 10_000, 10_000, 15_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000]
/** Path of callback URLs. Safaricom requires URLs that do not contain its names. */
const PATH_ALIAS = 'stk'

/** Creates the M-Pesa rail. It prompts the payer's phone by STK push (Lipa na M-Pesa Online); a callback and a query report the result. */
export function createMpesaRail(deps: MpesaDeps): Rail {
  const { fetch, clock } = deps
  const daraja = createDaraja({ fetch, clock, settings: () => requireSettings(deps) })
  return {
    name: 'mpesa',
    method: 'mpesa',
    assets: [KES],
    phoneCountry: COUNTRY,
    unavailable: () => missingOf(deps),
    limits: () => LIMITS,
    collect: collectWith(deps, daraja),
    refund: refundingWith({ daraja, config: deps.config }),
    webhook: {
      pathAlias: PATH_ALIAS,
      verify: (request) => verify(deps, request),
      accepted: { ResultCode: 0, ResultDesc: 'Accepted' },
      parse: parseCallback,
    },
    statement: createStatement(daraja, () => missingOf(deps) ?? unregistered(deps)),
  }
}

function collectWith(deps: MpesaDeps, daraja: Daraja): Collect {
  return {
    kind: 'push',
    needs: ['phone'],
    checkAfterMs: CHECK_AFTER_MS,
    lifetimeMs: LIFETIME_MS,
    start: async (request) => {
      if (missingOf(deps)) return { kind: 'failed', reason: 'provider-unavailable', why: missingOf(deps) ?? '' }
      const problem = problemOf(request)
      if (problem) return problem
      return push(deps, daraja, request)
    },
    check: (attempt) => query(deps, daraja, attempt),
  }
}

async function push(deps: MpesaDeps, daraja: Daraja, request: CollectRequest): Promise<Outcome> {
  const config = deps.config()
  try {
    const pushed = await daraja.stkPush({
      transactionType: config.transactionType === 'till' ? 'CustomerBuyGoodsOnline' : 'CustomerPayBillOnline',
      shillings: request.amount.amount / SHILLING,
      phone: request.payer.phone ?? '',
      partyB: config.partyB ?? config.shortcode ?? '',
      callbackUrl: request.callbackUrl,
      accountReference: shortText(12, request.merchantName),
      description: shortText(13, request.description),
    })
    return { kind: 'pending', reference: pushed.checkoutRequestId }
  } catch (error) {
    if (!(error instanceof DarajaError)) throw error
    // The phone may ring: the attempt stays unknown and is never sent again.
    if (error.maybeActed) return { kind: 'unknown', why: error.message }
    return { kind: 'failed', reason: reasonOfRefusal(error), why: error.message }
  }
}

/** A query needs the CheckoutRequestID. Without it only a callback can report the result. */
async function query(deps: MpesaDeps, daraja: Daraja, attempt: AttemptRef): Promise<Outcome> {
  const { reference } = attempt
  if (reference === undefined)
    return { kind: 'unknown', why: 'the response to the push was lost: no CheckoutRequestID' }
  const missing = missingOf(deps)
  if (missing) return { kind: 'unknown', why: missing, reference }
  try {
    const result = await daraja.stkQuery(reference)
    if (result.checkoutRequestId !== undefined && result.checkoutRequestId !== reference) {
      return { kind: 'unknown', why: 'the query answered about another push', reference }
    }
    return outcomeOf(result.resultCode, attempt, reference, deps.clock.now())
  } catch (error) {
    if (!(error instanceof DarajaError)) throw error
    return { kind: 'unknown', why: error.message, reference }
  }
}

function outcomeOf(resultCode: string, attempt: AttemptRef, reference: string, now: Date): Outcome {
  if (resultCode === PROCESSING) return { kind: 'pending', reference }
  if (resultCode === SUCCESS) {
    // The query states no amount and no receipt number. A callback may state them later, for the same receipt.
    const receipt = { id: reference, gross: attempt.amount, at: now, final: true, stated: false }
    return { kind: 'received', receipts: [receipt], reference }
  }
  const why = `result ${resultCode}`
  const reason = reasonOf(resultCode)
  return reason ? { kind: 'failed', reason, why, reference } : { kind: 'unknown', why, reference }
}

function problemOf({ amount, payer }: CollectRequest): Outcome | undefined {
  if (!isMobile(payer.phone ?? '', COUNTRY)) {
    return { kind: 'failed', reason: 'invalid-phone', why: `the phone number ${explainInvalidMobile(COUNTRY)}` }
  }
  const fits =
    amount.asset === KES &&
    amount.amount >= LIMITS.min &&
    amount.amount <= LIMITS.max &&
    amount.amount % LIMITS.step === 0n
  return fits
    ? undefined
    : { kind: 'failed', reason: 'limit-exceeded', why: 'M-Pesa takes whole shillings from 1 to 150,000' }
}

/** Safaricom does not sign callbacks. The secret token in the path is known to Safaricom only. */
function verify(deps: MpesaDeps, request: InboundRequest): Verdict {
  if (request.tokenAttemptId === undefined && request.tokenRefund === undefined)
    return { ok: false, status: 404, why: 'the path names no attempt or refund' }
  if (!isJsonObject(request.rawBody)) return { ok: false, status: 400, why: 'the body is not a JSON object' }
  const expected = deps.config().callbackAddresses
  if (request.address !== undefined && expected.length > 0 && !isListed(expected, request.address)) {
    const { address, tokenAttemptId: attemptId } = request
    deps.log.warn({ securityEvent: 'unexpected-callback-address', rail: 'mpesa', address, attemptId }, 'security event')
  }
  return { ok: true }
}

function isJsonObject(body: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

function isListed(expected: readonly string[], address: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  const list = new BlockList()
  for (const entry of expected) {
    const [network = '', prefix] = entry.split('/')
    const family = isIP(network) === 6 ? 'ipv6' : 'ipv4'
    if (isIP(network) === 0) continue
    if (prefix === undefined) list.addAddress(network, family)
    else list.addSubnet(network, Number.parseInt(prefix, 10), family)
  }
  return list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')
}

function missingOf({ mode, config }: MpesaDeps): string | undefined {
  const { consumerKey, consumerSecret, shortcode, passkey, baseUrl } = config()
  const missing = [
    ['MPESA_CONSUMER_KEY', consumerKey] as const,
    ['MPESA_CONSUMER_SECRET', consumerSecret] as const,
    ['MPESA_SHORTCODE', shortcode] as const,
    ['MPESA_PASSKEY', passkey] as const,
    ['MPESA_BASE_URL', baseUrl ?? BASE_URLS[mode]] as const,
  ].flatMap(([name, value]) => (value === undefined ? [name] : []))
  return missing.length === 0 ? undefined : `M-Pesa is off: set ${missing.join(', ')}`
}

const unregistered = ({ config }: MpesaDeps): string | undefined =>
  config().pull ? undefined : 'Register the short code for Pull Transactions, then set MPESA_PULL=true'

function requireSettings(deps: MpesaDeps): DarajaSettings {
  const { consumerKey, consumerSecret, shortcode, passkey, baseUrl = BASE_URLS[deps.mode] } = deps.config()
  if (!consumerKey || !consumerSecret || !shortcode || !passkey || !baseUrl) {
    throw new AppError('payments.rail-unavailable', 503, missingOf(deps) ?? 'M-Pesa is off')
  }
  return { baseUrl, consumerKey, consumerSecret, shortcode, passkey }
}
