import { DarajaError, parseResult, type Daraja, type DarajaResult, type Initiator } from '#clients/daraja'
import { assetOf, parseAmount, type Money } from '#money'
import type {
  FailureReason,
  InboundEvent,
  RefundFact,
  Refunding,
  RefundOutcome,
  RefundRef,
  RefundRequest,
  TokenRefund,
} from '#rails/contract'
import { isMobile, explainInvalidMobile } from '#platform/base/phone'
import { NO_SUCH_PAYMENT, reasonOfRefusal, SUCCESS } from './codes.ts'
import type { MpesaConfig } from './config.ts'
import { shortText } from './text.ts'

const KES = assetOf('KES')
const SHILLING = 100n
/** Limits of one payment to a phone: whole shillings [community]. */
const LIMITS = { min: 10n * SHILLING, max: 150_000n * SHILLING, step: SHILLING }
/** A result arrives within seconds. If it is lost, so does the answer to a status query. */
const CHECK_AFTER_MS = [10_000, 20_000, 60_000, 300_000, 900_000, 3_600_000, 6 * 3_600_000]
const REMARKS = 100

interface Deps {
  readonly daraja: Daraja
  readonly config: () => MpesaConfig
}

/**
 * Refunds to a phone by B2C. The result callback is not signed, so a status query confirms it. The answer to the query also arrives by callback, on
 * a path that only this query has.
 */
export const refundingWith = (deps: Deps): Refunding => ({
  to: 'phone',
  unavailable: () => missingOf(deps),
  limits: () => LIMITS,
  checkAfterMs: CHECK_AFTER_MS,
  send: (request) => send(deps, request),
  check: (ref) => check(deps, ref),
  parse: parseRefunds,
})

async function send(deps: Deps, request: RefundRequest): Promise<RefundOutcome> {
  const { sendingId: reference, amount, phone = '' } = request
  const initiator = initiatorOf(deps)
  if (!initiator) return { kind: 'failed', reason: 'provider-unavailable', why: missingOf(deps) ?? '' }
  if (!isMobile(phone, 'KE'))
    return { kind: 'failed', reason: 'invalid-phone', why: `the phone number ${explainInvalidMobile('KE')}` }
  const { min, max, step } = LIMITS
  if (amount.asset !== KES || amount.amount < min || amount.amount > max || amount.amount % step !== 0n)
    return { kind: 'failed', reason: 'limit-exceeded', why: 'M-Pesa pays whole shillings from 10 to 150,000' }
  try {
    await deps.daraja.pay({
      conversationId: reference,
      initiator,
      shillings: amount.amount / SHILLING,
      phone,
      remarks: shortText(REMARKS, `Refund ${request.merchantName}`),
      resultUrl: request.callbackUrl('result'),
      timeoutUrl: request.callbackUrl('timeout'),
    })
    return { kind: 'pending', reference }
  } catch (error) {
    if (!(error instanceof DarajaError)) throw error
    // Safaricom may have paid: query the status by our own id, and never send again.
    if (error.maybeActed) return { kind: 'unknown', why: error.message, reference }
    return { kind: 'failed', reason: reasonOfRefusal(error), why: error.message }
  }
}

/** Sends a status query. The answer arrives by webhook. */
async function check(deps: Deps, ref: RefundRef): Promise<RefundOutcome> {
  const reference = ref.sendingId
  const initiator = initiatorOf(deps)
  if (!initiator) return { kind: 'unknown', why: missingOf(deps) ?? '', reference }
  const [resultUrl, timeoutUrl] = [ref.callbackUrl('status'), ref.callbackUrl('timeout')]
  try {
    await deps.daraja.askStatus({ conversationId: reference, initiator, resultUrl, timeoutUrl })
    return { kind: 'pending', reference }
  } catch (error) {
    if (!(error instanceof DarajaError)) throw error
    return { kind: 'unknown', why: error.message, reference }
  }
}

/** Returns the fact of a callback. A result or a timeout notice proves nothing, so it only triggers a status query. */
function parseRefunds({ rawBody, tokenRefund }: InboundEvent): readonly RefundFact[] {
  if (!tokenRefund) return []
  const { refundId, sendingId } = tokenRefund
  const about = { kind: 'sending', refundId, sendingId } as const
  switch (tokenRefund.purpose) {
    case 'timeout':
      return [{ ...about, outcome: { kind: 'unknown', why: 'Safaricom timed out' }, needsCheck: true }]
    case 'result': {
      const result = parseResult(rawBody)
      requireSameSending(result.originatorConversationId, tokenRefund)
      const outcome: RefundOutcome =
        result.resultCode === SUCCESS
          ? { kind: 'pending', reference: sendingId }
          : { kind: 'failed', reason: 'provider-rejected', why: `result ${result.resultCode}` }
      return [{ ...about, outcome, needsCheck: true }]
    }
    case 'status': {
      const result = parseResult(rawBody)
      requireSameSending(result.parameters.get('OriginatorConversationID'), tokenRefund)
      const amount = amountOf(result)
      return [{ ...about, outcome: statusOf(result, sendingId), ...(amount && { amount }), needsCheck: false }]
    }
  }
}

function requireSameSending(named: string | undefined, { sendingId }: TokenRefund): void {
  if (named !== undefined && named !== sendingId)
    throw new RangeError('The result is about another payment than its path names')
}

/** Returns the outcome that a status query reports. A failed query says nothing about the payment, except that it does not exist. */
function statusOf({ resultCode, transactionId, parameters }: DarajaResult, reference: string): RefundOutcome {
  const absent = resultCode === NO_SUCH_PAYMENT
  if (resultCode !== SUCCESS) return { kind: 'unknown', why: `status result ${resultCode}`, reference, absent }
  const status = parameters.get('TransactionStatus') ?? ''
  const number = parameters.get('ReceiptNo') ?? transactionId
  if (status === 'Completed') return { kind: 'succeeded', reference, ...(number && { number }) }
  const reason = Object.hasOwn(ENDED, status) ? ENDED[status] : undefined
  if (reason) return { kind: 'failed', reason, why: `status ${status}`, reference }
  return { kind: 'pending', reference }
}

/** Statuses that mean that no money was sent [community]. Any other status means that the payment is in progress. */
const ENDED: Readonly<Record<string, FailureReason>> = {
  Failed: 'provider-rejected',
  Cancelled: 'provider-rejected',
  Declined: 'declined',
  Expired: 'expired',
}

function amountOf({ parameters }: DarajaResult): Money | undefined {
  const stated = parameters.get('Amount')
  if (stated === undefined) return undefined
  const amount = parseAmount(stated, KES)
  if ('problem' in amount) throw new RangeError(`The M-Pesa result has an invalid amount: ${stated.slice(0, 40)}`)
  return amount
}

function missingOf({ config }: Deps): string | undefined {
  const { initiatorName, securityCredential } = config()
  const missing = [
    ['MPESA_INITIATOR_NAME', initiatorName] as const,
    ['MPESA_SECURITY_CREDENTIAL', securityCredential] as const,
  ].flatMap(([name, value]) => (value === undefined ? [name] : []))
  return missing.length === 0 ? undefined : `Refunds by M-Pesa are off: set ${missing.join(', ')}`
}

function initiatorOf({ config }: Deps): Initiator | undefined {
  const { initiatorName: name, securityCredential: credential, b2cShortcode, shortcode } = config()
  const from = b2cShortcode ?? shortcode
  return name && credential && from ? { name, credential, shortcode: from } : undefined
}
