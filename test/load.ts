import { setTimeout as delay } from 'node:timers/promises'
import type { PurserProcess } from './process.ts'

/** Outcome of each phone that ends within seconds: payment status, attempt reason, shillings underpaid. */
export const PHONES = {
  '254700000001': { status: 'paid', reason: null, short: 0 },
  '254700000002': { status: 'open', reason: 'insufficient-funds', short: 0 },
  '254700000003': { status: 'open', reason: 'canceled-by-payer', short: 0 },
  '254700000005': { status: 'paid', reason: null, short: 0 },
  '254700000006': { status: 'paid', reason: null, short: 0 },
  '254700000007': { status: 'paid', reason: null, short: 0 },
  '254700000008': { status: 'paid', reason: null, short: 0 },
  '254700000009': { status: 'open', reason: null, short: 1 },
  // Payouts to these phones do not arrive, lose response and result, or report the result three times.
  '254700000012': { status: 'paid', reason: null, short: 0 },
  '254700000014': { status: 'paid', reason: null, short: 0 },
  '254700000015': { status: 'paid', reason: null, short: 0 },
} as const
export type Phone = keyof typeof PHONES
type Plan = Phone | 'card' | 'cancel'
const PLANS: readonly Plan[] = [...(Object.keys(PHONES) as Phone[]), 'card', 'cancel', 'card']

/** Shillings refunded per sale. */
export const REFUND = 10
/** Minimum card payment in shillings. */
const LEAST = 100

export interface PaymentBody {
  id: string
  status: string
  amount: string
  amount_received: string
  amount_refunded: string
  reference: string
  created_at: string
  checkout_url: string
  attempts: { id: string; status: string; reason: string | null }[]
}

export interface RefundBody {
  id: string
  status: string
  amount: string
}

/** A payment, and the responses about it so far. */
export interface Sale {
  readonly key: string
  readonly shillings: number
  readonly plan: Plan
  created?: PaymentBody
  refund?: RefundBody
  attemptId?: string
  canceled?: boolean
  isRefunding?: boolean
}

export interface Load {
  readonly sales: readonly Sale[]
  /** Number of responses so far. */
  readonly answers: number
  /** Number of requests repeated after a missing response. */
  readonly repeats: number
  /** Responses that must not occur. */
  readonly faults: readonly string[]
  /** Makes requests wait until `resume`, because the server is about to be killed. */
  pause(): void
  resume(server: PurserProcess): void
  /** Resolves when all started sales have their responses. */
  finish(): Promise<void>
  get(path: string): Promise<{ status: number; body: any }>
}

const LANES = 6
const PACE_MS = 15

/** Starts merchants' programs that repeat each unanswered request with the same key until it is answered. */
export function startLoad(first: PurserProcess): Load {
  let server = Promise.withResolvers<PurserProcess>()
  server.resolve(first)
  let closing = false
  let answers = 0
  let repeats = 0
  const sales: Sale[] = []
  const faults: string[] = []

  const ask = async (
    method: string,
    path: string,
    body?: object,
    key?: string,
  ): Promise<{ status: number; body: any }> => {
    for (;;) {
      const { url, key: secret } = await server.promise
      try {
        const answer = await fetch(url + path, {
          method,
          headers: {
            authorization: `Bearer ${secret}`,
            ...(body && { 'content-type': 'application/json' }),
            ...(key !== undefined && { 'idempotency-key': key }),
          },
          ...(body && { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(20_000),
        })
        const said = (await answer.json()) as { error?: { code: string } }
        const again = answer.status >= 500 || said.error?.code === 'idempotency-in-progress'
        if (!again) {
          answers += 1
          return { status: answer.status, body: said }
        }
      } catch {
        // Interrupted, refused, or timed out.
      }
      repeats += 1
      await delay(50)
    }
  }

  /** Enters a card repeatedly until the page shows the payment as paid. */
  const payByCard = async (page: string): Promise<void> => {
    for (;;) {
      await server.promise
      const body = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Asha' })
      const status = await fetch(page, { method: 'POST', body, signal: AbortSignal.timeout(20_000) }).then(
        async (answer) => (await answer.text(), answer.status),
        () => 0,
      )
      if (status === 200) return
      if (status > 0 && status < 500) return void faults.push(`card page: ${status}`)
      await delay(50)
    }
  }

  /** Requests the card page. A kill may lose the response: then Stripe returns the same page again. */
  const pageOf = async (path: string): Promise<string> => {
    for (;;) {
      const { body } = await ask('GET', path)
      const [attempt] = body.attempts
      if (typeof attempt.redirect_url === 'string') return attempt.redirect_url
      await delay(200)
    }
  }

  /** Refunds a part of a sale after it is paid. */
  const refundPart = async (sale: Sale): Promise<void> => {
    if (!sale.created || sale.refund || sale.isRefunding) return
    sale.isRefunding = true
    const path = `/api/v1/payments/${sale.created.id}`
    const { body: payment } = await ask('GET', path)
    if (payment.status === 'paid') {
      const { status, body } = await ask('POST', `${path}/refunds`, { amount: `${REFUND}.00` }, `${sale.key}-refund`)
      if (status === 201) sale.refund = body
      else faults.push(`refund: ${status} ${JSON.stringify(body)}`)
    }
    sale.isRefunding = false
  }

  const sell = async (sale: Sale): Promise<void> => {
    const wanted = { amount: `${sale.shillings}.00`, currency: 'KES', reference: sale.key }
    const created = await ask('POST', '/api/v1/payments', wanted, sale.key)
    if (created.status !== 201) return void faults.push(`creation: ${created.status} ${JSON.stringify(created.body)}`)
    sale.created = created.body
    const path = `/api/v1/payments/${created.body.id}`
    if (sale.plan === 'cancel') {
      const canceled = await ask('POST', `${path}/cancel`)
      if (canceled.body.status !== 'canceled') faults.push(`cancel: ${JSON.stringify(canceled.body)}`)
      sale.canceled = true
      return
    }
    const by = sale.plan === 'card' ? { method: 'card' } : { method: 'mpesa', phone: sale.plan }
    const started = await ask('POST', `${path}/attempts`, by, `${sale.key}-attempt`)
    if (started.status !== 201) return void faults.push(`attempt: ${started.status} ${JSON.stringify(started.body)}`)
    sale.attemptId = started.body.id
    if (sale.plan === 'card') await payByCard(await pageOf(path))
  }

  const lane = async (index: number): Promise<void> => {
    for (let n = index; !closing; n += LANES) {
      const sale: Sale = { key: `sale-${n}`, shillings: LEAST + (n % 900), plan: PLANS[n % PLANS.length] ?? 'cancel' }
      sales.push(sale)
      await sell(sale)
      // Acknowledged payments must exist at every moment.
      const before = sales[(n * 7919) % sales.length]
      if (before?.created) {
        const { status } = await ask('GET', `/api/v1/payments/${before.created.id}`)
        if (status !== 200) faults.push(`an acknowledged payment is answered ${status}`)
        await refundPart(before)
      }
      await delay(PACE_MS)
    }
  }
  const lanes = Promise.all(Array.from({ length: LANES }, (_, index) => lane(index)))

  return {
    sales,
    faults,
    get answers() {
      return answers
    },
    get repeats() {
      return repeats
    },
    pause: () => void (server = Promise.withResolvers()),
    resume: (next) => server.resolve(next),
    finish: async () => {
      closing = true
      await lanes
    },
    get: (path) => ask('GET', path),
  }
}
