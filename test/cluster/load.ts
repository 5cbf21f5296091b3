import { setTimeout as delay } from 'node:timers/promises'
import { call, mayRepeat, type Answer, type Call } from './client.ts'

/** Phones that answer after a second, and what the payer's answer brings. `refundable`: its payouts end within seconds. */
const PHONES = [
  { phone: '254700000001', pays: true, refundable: true },
  // Its callback is lost, so only a poll learns the result.
  { phone: '254700000005', pays: true, refundable: false },
  // Its callback arrives three times at once.
  { phone: '254700000006', pays: true, refundable: true },
  // Its callback arrives before the response to the push.
  { phone: '254700000007', pays: true, refundable: true },
  // The response to the push is lost.
  { phone: '254700000008', pays: true, refundable: true },
  { phone: '254700000002', pays: false, refundable: false },
  // A payout to it does not arrive, and one is reported three times.
  { phone: '254700000012', pays: true, refundable: true },
  { phone: '254700000015', pays: true, refundable: true },
] as const

/** Every so many sales one is refunded, and one creation is repeated with its key. */
const REFUND_EVERY = 4
const REPEAT_EVERY = 10
const REFUND_SHILLINGS = 10
const RETRY_MS = 200

/** A payment of the load, with the ids that were acknowledged. */
export interface Sale {
  readonly reference: string
  readonly shillings: number
  readonly pays: boolean
  id?: string
  attemptId?: string
  refundId?: string
}

/** An answer that a merchant must not get. */
export interface Failure {
  readonly afterMs: number
  readonly request: string
  readonly status: number
  readonly code: string
}

export interface LoadFigures {
  readonly requests: number
  /** Answers that were no success, before any repetition. */
  readonly failures: readonly Failure[]
  /** Requests that got no final answer within the time limit. */
  readonly unanswered: readonly string[]
  /** Answers that contradict an earlier answer. */
  readonly contradictions: readonly string[]
  /** 99th percentile of the response time of one request, in milliseconds. */
  readonly p99Ms: number
}

export interface Load {
  readonly sales: readonly Sale[]
  /** Successful answers so far. */
  readonly answers: number
  /** Starts no more sales, and resolves when the started ones have their answers. */
  stop(): Promise<LoadFigures>
}

export interface LoadOptions {
  readonly url: string
  readonly key: string
  /** Prefix of the references. */
  readonly tag: string
  readonly salesPerSecond: number
  /** Sales that may be open at once. */
  readonly lanes: number
  /** False: a failed request is not repeated. */
  readonly retry: boolean
  /** Time after which a request that is repeated counts as unanswered. */
  readonly giveUpMs?: number
}

const TIMEOUT_MS = 15_000

/** Starts merchants that create payments, prompt payers, read, and refund, at a fixed rate. */
export function startLoad({ url, key, tag, salesPerSecond, lanes, retry, giveUpMs = 120_000 }: LoadOptions): Load {
  const startedMs = performance.now()
  const sales: Sale[] = []
  const failures: Failure[] = []
  const unanswered: string[] = []
  const contradictions: string[] = []
  const times: number[] = []
  const open = new Set<Promise<void>>()
  let answers = 0
  let stopped = false

  /** Returns undefined when the request was given up. */
  const ask = async (name: string, request: Omit<Call, 'timeoutMs'>): Promise<Answer | undefined> => {
    const beganMs = performance.now()
    for (;;) {
      const sentMs = performance.now()
      const answer = await call(url, key, { ...request, timeoutMs: TIMEOUT_MS })
      times.push(performance.now() - sentMs)
      if (answer.code === undefined) {
        answers += 1
        return answer
      }
      const { status, code } = answer
      failures.push({ afterMs: Math.round(sentMs - startedMs), request: name, status, code })
      if (!retry || !mayRepeat(answer)) return undefined
      if (performance.now() - beganMs > giveUpMs) return void unanswered.push(`${name} ${request.path}: ${code}`)
      await delay(RETRY_MS)
    }
  }

  const create = async (sale: Sale): Promise<string | undefined> => {
    const body = { amount: `${sale.shillings}.00`, currency: 'KES', reference: sale.reference }
    const request = { method: 'POST', path: '/api/v1/payments', body, idempotencyKey: sale.reference }
    return (await ask('create', request))?.body.id
  }

  const sell = async (n: number): Promise<void> => {
    const { phone, pays, refundable } = PHONES[n % PHONES.length] ?? PHONES[0]
    const sale: Sale = { reference: `${tag}-${n}`, shillings: 100 + (n % 900), pays }
    sales.push(sale)
    const id = await create(sale)
    if (id === undefined) return
    sale.id = id
    if (n % REPEAT_EVERY === 0) {
      const again = await create(sale)
      if (again !== undefined && again !== id) contradictions.push(`${sale.reference} is ${id} and ${again}`)
    }
    const path = `/api/v1/payments/${id}`
    const prompt = { method: 'POST', path: `${path}/attempts`, body: { method: 'mpesa', phone } }
    const started = await ask('attempt', { ...prompt, idempotencyKey: `${sale.reference}-attempt` })
    if (!started) return
    sale.attemptId = started.body.id
    if (refundable && n % REFUND_EVERY === 0) await refund(sale, path)
    else await ask('read', { method: 'GET', path })
  }

  /** Waits until the sale is paid, and refunds a part. A sale whose result is late is not refunded. */
  const refund = async (sale: Sale, path: string): Promise<void> => {
    for (let i = 0; i < 8; i++) {
      await delay(500)
      const read = await ask('read', { method: 'GET', path })
      if (!read) return
      if (read.body.status !== 'paid') continue
      const body = { amount: `${REFUND_SHILLINGS}.00` }
      const request = { method: 'POST', path: `${path}/refunds`, body, idempotencyKey: `${sale.reference}-refund` }
      const refunded = await ask('refund', request)
      if (refunded) sale.refundId = refunded.body.id
      return
    }
  }

  const run = async (): Promise<void> => {
    for (let n = 0; !stopped;) {
      const due = Math.floor(((performance.now() - startedMs) / 1000) * salesPerSecond)
      // A sale that finds no free lane is left out, so that an outage does not end in a burst.
      for (; n < due; n++) {
        if (open.size >= lanes) continue
        const selling = sell(n).finally(() => open.delete(selling))
        open.add(selling)
      }
      await delay(20)
    }
    await Promise.all(open)
  }
  const running = run()

  return {
    sales,
    get answers() {
      return answers
    },
    stop: async () => {
      stopped = true
      await running
      const sorted = times.toSorted((a, b) => a - b)
      const p99Ms = Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0)
      return { requests: times.length, failures, unanswered, contradictions, p99Ms }
    },
  }
}
