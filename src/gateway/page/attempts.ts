import { z } from 'zod'
import type { Attempt, Intent } from '#payments'
import { AppError } from '#platform/errors'
import type { Request } from '#platform/http'
import { addressKey } from '#platform/limits'
import { checkoutUrl } from '../api/render.ts'
import { parseKenyanPhone } from './phone.ts'
import type { PageDeps } from './routes.ts'
import { pageName } from './show.ts'
import { openPage, type Problem, type View } from './state.ts'
import type { Speech } from './strings.ts'

export const attemptForm = z.object({ method: z.string().max(20), phone: z.string().max(40).optional() })

/**
 * Attempts at one merchant from one address in ten minutes. Thousands share an address behind a mobile carrier's NAT, so it is generous;
 * phones and payments have limits of their own in payments.
 */
const PER_ADDRESS = { points: 300, windowMs: 600_000 }

export const sentForm = z.object({
  note: z
    .string()
    .max(200)
    .refine((given) => !given.includes('\0') && given.isWellFormed())
    .optional(),
})

export interface Tried {
  readonly attempt?: Attempt
  readonly problem?: Problem
}

/** Starts the attempt that the payer asked for; what the payer can mend comes back in their words. */
export async function tryAttempt(
  deps: PageDeps,
  request: Request,
  { method: name, phone: typed }: z.output<typeof attemptForm>,
  { intent, speech, methods }: View,
): Promise<Tried> {
  if (!isOwnPage(request, deps.publicUrl())) return { problem: { status: 403, text: speech.say('crossSite') } }
  const method = methods.find((each) => each.method === name)
  if (!method) return { problem: { status: 409, text: speech.say('unavailable') } }
  const phone = method.needs.includes('phone') ? parseKenyanPhone(typed ?? '') : undefined
  if (method.needs.includes('phone') && phone === undefined) return { problem: wrongPhone(speech, name) }
  const from = `${addressKey(request.ip)} ${intent.merchantId}`
  const taken = await deps.limits.take('checkout_attempt', from, PER_ADDRESS)
  if (!taken.ok) return { problem: tooMany(speech, taken.retryAfterSeconds) }
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

/** The payer says that a transfer by hand was sent. What it became meanwhile, the panel says by itself. */
export async function tellSent(
  deps: PageDeps,
  request: Request,
  { note }: z.output<typeof sentForm>,
  { intent, speech }: View,
): Promise<Problem | undefined> {
  if (!isOwnPage(request, deps.publicUrl())) return { status: 403, text: speech.say('crossSite') }
  const taken = await deps.limits.take('checkout_attempt', addressKey(request.ip), PER_ADDRESS)
  if (!taken.ok) return tooMany(speech, taken.retryAfterSeconds)
  try {
    await deps.payments.transfers.sent({ intentId: intent.id, note })
  } catch (error) {
    if (!(error instanceof AppError) || (error.status !== 404 && error.status !== 409)) throw error
  }
  return undefined
}

export const tooMany = (speech: Speech, seconds: number): Problem => ({
  status: 429,
  text: speech.say('tooMany', { minutes: speech.say('minutes', { n: String(Math.max(1, Math.ceil(seconds / 60))) }) }),
})

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
    return { status, text: speech.say('noMoreTries', { merchant: intent.terms.merchantName }) }
  if (status === 429) return tooMany(speech, error.retryAfterSeconds ?? 60)
  if (code === 'payments.attempt-in-flight') return { status, text: speech.say('inFlight') }
  if (code === 'payments.page-open') {
    const open = openPage(intent)?.method ?? method
    return { status, text: speech.say('pageInFlight', { page: pageName(open, speech) }) }
  }
  // The payment was paid, canceled or expired in between: the panel says so by itself.
  if (status === 409) return undefined
  if (param === 'phone') return wrongPhone(speech, method)
  if (status === 422 || code === 'payments.method-unavailable' || code === 'rates.unavailable')
    return { status, text: speech.say('unavailable') }
  throw error
}

/** Another site must not make a visitor's browser prompt phones. Browsers say where a form comes from; others are limited by address. */
export function isOwnPage({ headers }: Request, publicUrl: string): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site === 'same-origin'
  const { origin } = headers
  if (origin === undefined) return true
  const host = URL.parse(origin)?.host
  return host !== undefined && (host === headers.host || host === URL.parse(publicUrl)?.host)
}
