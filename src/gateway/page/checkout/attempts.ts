import { z } from 'zod'
import type { Attempt, Intent, Payments } from '#payments'
import { AppError } from '#platform/base/errors'
import type { Request } from '#platform/web/http'
import { toAddressKey, type Limits } from '#platform/web/limits'
import { checkoutUrl } from '../../resources/render-payment.ts'
import { parseMobile, MAX_PHONE_LENGTH } from '#platform/base/phone'
import { tooManyRequests, type Problem } from '../forms/problem.ts'
import { isSameOrigin } from '../forms/same-origin.ts'
import { pageName } from '../../strings/format.ts'
import { livePage, type View } from './state.ts'
import type { Speech } from '../../strings/strings.ts'

export interface AttemptDeps {
  readonly payments: Payments
  readonly limits: Limits
  readonly publicUrl: () => string
}

export const attemptForm = z.object({
  method: z.string().max(20),
  phone: z.string().max(MAX_PHONE_LENGTH).optional(),
})

/**
 * Maximum attempts for one merchant from one address in ten minutes. It is high, because thousands of payers share an address behind a
 * mobile carrier's NAT. The module `payments` limits attempts per phone and per payment.
 */
const PER_ADDRESS = { points: 300, windowMs: 600_000 }

export const sentForm = z.object({
  note: z
    .string()
    .max(200)
    .refine((given) => !given.includes('\0') && given.isWellFormed())
    .optional(),
})

export interface AttemptResult {
  readonly attempt?: Attempt
  readonly problem?: Problem
}

/** Starts the attempt that the payer chose. Returns an error text if the payer can correct the problem; other errors are thrown. */
export async function tryAttempt(
  deps: AttemptDeps,
  request: Request,
  { method: name, phone: typed }: z.output<typeof attemptForm>,
  { intent, speech, methods }: View,
): Promise<AttemptResult> {
  if (!isSameOrigin(request, deps.publicUrl())) return { problem: { status: 403, text: speech.say('crossSite') } }
  const method = methods.find((each) => each.method === name)
  if (!method) return { problem: { status: 409, text: speech.say('unavailable') } }
  const phone = method.needs.includes('phone') ? parseMobile(typed ?? '', method.phoneCountry) : undefined
  if (method.needs.includes('phone') && phone === undefined) return { problem: wrongPhone(speech, name) }
  const from = `${toAddressKey(request.ip)} ${intent.merchantId}`
  const taken = await deps.limits.take('checkout_attempt', from, PER_ADDRESS)
  if (!taken.ok) return { problem: tooManyRequests(speech, taken.retryAfterSeconds) }
  try {
    const attempt = await deps.payments.startAttempt({
      intentId: intent.id,
      method: name,
      payer: { ...intent.customer, ...(phone !== undefined && { phone }) },
      returnUrl: `${checkoutUrl(deps.publicUrl(), intent.id)}?lang=${speech.language}`,
    })
    return { attempt }
  } catch (error) {
    const problem = problemOf(error, speech, { intent, method: name })
    return problem ? { problem } : {}
  }
}

/** Records that the payer sent a manual transfer. If its status changed meanwhile, the panel shows the new status. */
export async function reportTransferSent(
  deps: AttemptDeps,
  request: Request,
  { note }: z.output<typeof sentForm>,
  { intent, speech }: View,
): Promise<Problem | undefined> {
  if (!isSameOrigin(request, deps.publicUrl())) return { status: 403, text: speech.say('crossSite') }
  const taken = await deps.limits.take('checkout_attempt', toAddressKey(request.ip), PER_ADDRESS)
  if (!taken.ok) return tooManyRequests(speech, taken.retryAfterSeconds)
  try {
    await deps.payments.transfers.declareSent({ intentId: intent.id, note })
  } catch (error) {
    if (!(error instanceof AppError) || (error.status !== 404 && error.status !== 409)) throw error
  }
  return undefined
}

const wrongPhone = (speech: Speech, method: string): Problem => ({
  status: 422,
  field: 'phone',
  text: speech.say(method === 'mpesa' ? 'phoneInvalid' : 'phoneInvalidAny'),
})

interface About {
  readonly intent: Intent
  readonly method: string
}

function problemOf(error: unknown, speech: Speech, { intent, method }: About): Problem | undefined {
  if (!(error instanceof AppError)) throw error
  const { code, status, param } = error
  if (code === 'payments.too-many-attempts')
    return { status, text: speech.say('tooManyAttempts', { merchant: intent.terms.merchantName }) }
  if (status === 429) return tooManyRequests(speech, error.retryAfterSeconds ?? 60)
  if (code === 'payments.attempt-in-flight') return { status, text: speech.say('promptPending') }
  if (code === 'payments.page-open') {
    const open = livePage(intent)?.method ?? method
    return { status, text: speech.say('pageStillOpen', { page: pageName(open, speech) }) }
  }
  // The payment was paid, canceled or expired meanwhile: the panel shows it.
  if (status === 409) return undefined
  if (param === 'phone') return wrongPhone(speech, method)
  if (status === 422 || code === 'payments.method-unavailable' || code === 'rates.unavailable')
    return { status, text: speech.say('unavailable') }
  throw error
}
