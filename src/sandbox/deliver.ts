import { createHmac } from 'node:crypto'
import { addMs, type Clock } from '#platform/base/clock'
import { describeError } from '#platform/base/errors'
import type { Fetch } from '#platform/web/fetch'
import type { Log } from '#platform/observe/log'
import { STRIPE } from './credentials.ts'
import type { Timer } from './timers.ts'

export interface Deliver {
  /** Whether deliveries to this URL are allowed. */
  accepts(url: string): boolean
  /** Posts the body as JSON. Returns the response status; undefined when there was no response or the URL is not allowed. */
  post(url: string, body: string, headers: Record<string, string>, label: string): Promise<number | undefined>
  /** Sends a Safaricom callback once, whatever the result. */
  callback(url: string, body: string): Promise<void>
  /** Sends a Stripe event, signed now. Returns the time of the next attempt when it was not accepted. */
  event(timer: Timer): Promise<Date | undefined>
}

const DEADLINE_MS = 10_000
/** Stripe retries for three days with growing delays. */
const RETRY_MINUTES = [0.1, 1, 5, 30, 60, 120, 360, 720, 1440, 1440]

export const DELIVERY_REFUSED = 'the sandbox delivers only to its own Purser'

export interface DeliverDeps {
  fetch: Fetch
  clock: Clock
  log: Log
  mayDeliver: (url: URL) => boolean
  /** Returns the address at which this process receives callbacks, when it is a Purser. */
  localUrl?: (() => string) | undefined
}

/** Paths of callbacks of every Purser. */
const WEBHOOKS = '/api/webhook/'

export function createDeliver({ fetch, clock, log, mayDeliver, localUrl }: DeliverDeps): Deliver {
  const accepts = (text: string): boolean => {
    const url = URL.parse(text)
    return url !== null && mayDeliver(url)
  }
  /**
   * Returns the URL for a delivery. A callback URL that another instance or an earlier start stored with its own address leads to this
   * process instead, which shares the database.
   */
  const targetOf = (text: string): string | undefined => {
    if (accepts(text)) return text
    const path = URL.parse(text)?.pathname
    return localUrl && path?.startsWith(WEBHOOKS) ? localUrl() + path : undefined
  }
  async function post(
    stored: string,
    body: string,
    headers: Record<string, string>,
    label: string,
  ): Promise<number | undefined> {
    const url = targetOf(stored)
    if (url === undefined) {
      log.warn({ label }, `not delivered: ${DELIVERY_REFUSED}`)
      return undefined
    }
    try {
      const request = { method: 'POST' as const, url, body, deadlineMs: DEADLINE_MS, label }
      const answer = await fetch({ ...request, headers: { ...headers, 'content-type': 'application/json' } })
      return answer.status
    } catch (error) {
      log.warn({ label, problem: describeError(error) }, 'a simulated provider could not deliver')
      return undefined
    }
  }

  return {
    accepts,
    post,
    callback: async (url, body) => {
      const status = await post(url, body, {}, 'sandbox.callback')
      if (status !== undefined && status >= 300) log.warn({ status }, 'a callback was not accepted')
    },
    event: async ({ subject: url, body, tries }) => {
      const signature = signatureOf(body, clock.now())
      const status = await post(url, body, { 'stripe-signature': signature }, 'sandbox.event')
      if (status !== undefined && status >= 200 && status < 300) return undefined
      const minutes = RETRY_MINUTES[tries - 1]
      if (minutes === undefined) log.warn({ status }, 'an event was not accepted; no attempts are left')
      return minutes === undefined ? undefined : addMs(clock.now(), minutes * 60_000)
    },
  }
}

/** Returns Stripe's signature header, `t=…,v1=…`. */
function signatureOf(body: string, at: Date, secret: string = STRIPE.webhookSecret): string {
  const seconds = Math.floor(at.getTime() / 1000)
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`
}
