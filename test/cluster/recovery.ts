import { setTimeout as delay } from 'node:timers/promises'
import { waitFor } from '../wait.ts'
import { call, mayRepeat } from './client.ts'
import type { Cluster } from './cluster.ts'

const PROBE_EVERY_MS = 500
const TIMEOUT_MS = 5_000
const POLL_MS = 250

export interface Recovery {
  /** Time until a payment that was created after the fault was paid: creation, prompt, callback, ledger. */
  readonly paidMs: number
  /** Time until every instance was ready. */
  readonly readyMs: number
}

let probes = 0

/** Measures from now until the cluster works again. Throws when it does not within the limit. */
export async function measureRecovery(cluster: Cluster, limitMs: number): Promise<Recovery> {
  const sinceMs = performance.now()
  const end = new AbortController()
  const within = async (what: Promise<unknown>): Promise<number> => {
    await what
    return Math.round(performance.now() - sinceMs)
  }
  try {
    const [paidMs, readyMs] = await Promise.all([
      within(waitForSale(cluster, end.signal, limitMs)),
      within(cluster.waitUntilReady(limitMs)),
    ])
    return { paidMs, readyMs }
  } finally {
    end.abort()
  }
}

/** Starts a sale twice a second, because a single one may be interrupted itself. Resolves when one of them is paid. */
async function waitForSale(cluster: Cluster, signal: AbortSignal, limitMs: number): Promise<void> {
  let paid = false
  const start = async (): Promise<void> => {
    while (!signal.aborted && !paid) {
      void sell(cluster, signal).then(
        () => (paid = true),
        () => undefined,
      )
      await delay(PROBE_EVERY_MS)
    }
  }
  void start()
  await waitFor('a new payment to be paid', () => paid, limitMs)
}

/** Sells one payment. Rejects when the signal aborts. */
async function sell({ url, key }: Cluster, signal: AbortSignal): Promise<void> {
  const name = `probe-${process.pid}-${++probes}`
  const ask = async (method: string, path: string, body?: object, idempotencyKey?: string): Promise<any> => {
    for (;;) {
      signal.throwIfAborted()
      const options = { ...(body && { body }), ...(idempotencyKey !== undefined && { idempotencyKey }) }
      const answer = await call(url, key, { method, path, timeoutMs: TIMEOUT_MS, ...options })
      if (answer.code === undefined) return answer.body
      if (!mayRepeat(answer)) throw new Error(`${method} ${path}: ${answer.code}`)
      await delay(POLL_MS)
    }
  }
  const { id } = await ask('POST', '/api/v1/payments', { amount: '10.00', currency: 'KES', reference: name }, name)
  const path = `/api/v1/payments/${id}`
  await ask('POST', `${path}/attempts`, { method: 'mpesa', phone: '254700000001' }, `${name}-attempt`)
  for (;;) {
    const { status } = await ask('GET', path)
    if (status === 'paid') return
    await delay(POLL_MS)
  }
}
