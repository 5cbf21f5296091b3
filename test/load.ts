import { setTimeout as delay } from 'node:timers/promises'
import type { PurserProcess } from './process.ts'

/** How each phone ends that does so within seconds: the payment's status, the attempt's reason, shillings short. */
export const PHONES = {
  '254700000001': { status: 'paid', reason: null, short: 0 },
  '254700000002': { status: 'open', reason: 'insufficient-funds', short: 0 },
  '254700000003': { status: 'open', reason: 'canceled-by-payer', short: 0 },
  '254700000005': { status: 'paid', reason: null, short: 0 },
  '254700000006': { status: 'paid', reason: null, short: 0 },
  '254700000007': { status: 'paid', reason: null, short: 0 },
  '254700000008': { status: 'paid', reason: null, short: 0 },
  '254700000009': { status: 'open', reason: null, short: 1 },
  // What is sent back does not arrive; its answer and its result are lost; its result comes three times.
  '254700000012': { status: 'paid', reason: null, short: 0 },
  '254700000014': { status: 'paid', reason: null, short: 0 },
  '254700000015': { status: 'paid', reason: null, short: 0 },
} as const
export type Phone = keyof typeof PHONES
type Plan = Phone | 'card' | 'cancel'
const PLANS: readonly Plan[] = [...(Object.keys(PHONES) as Phone[]), 'card', 'cancel', 'card']

/** What is given back of a sale, in shillings: a part of any. */
export const REFUND = 10
/** Cards take no less. */
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

/** A payment, and what the server has answered about it so far. */
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
  /** Answers so far. */
  readonly answers: number
  /** Requests that were sent again because no answer came. */
  readonly repeats: number
  /** What no answer may say. */
  readonly faults: readonly string[]
  /** Requests wait from now on until `resume`: the server is about to be killed. */
  pause(): void
  resume(server: PurserProcess): void
  /** Ends when all sales that were begun have their answers. */
  finish(): Promise<void>
  get(path: string): Promise<{ status: number; body: any }>
}

const LANES = 6
const PACE_MS = 15

/** Merchants' programs that give up on no request: one without an answer is sent again with the same key until it has one. */
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
        // Cut, refused, or not in time.
      }
      repeats += 1
      await delay(50)
    }
  }

  /** The payer types a card, again and again until the page says that it is paid. */
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

  /** A kill may take the answer with the page: then Stripe is asked again, and tells of the same one. */
  const pageOf = async (path: string): Promise<string> => {
    for (;;) {
      const { body } = await ask('GET', path)
      const [attempt] = body.attempts
      if (typeof attempt.redirect_url === 'string') return attempt.redirect_url
      await delay(200)
    }
  }

  /** Gives back a part of a sale, once it is paid. */
  const giveBack = async (sale: Sale): Promise<void> => {
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
      // What was acknowledged is there, at every moment.
      const before = sales[(n * 7919) % sales.length]
      if (before?.created) {
        const { status } = await ask('GET', `/api/v1/payments/${before.created.id}`)
        if (status !== 200) faults.push(`an acknowledged payment is answered ${status}`)
        await giveBack(before)
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
