import { loadHttp, type HttpLoad } from './http.ts'
import type { Rates } from './drive.ts'

/** A running program and the headers that authenticate the load. */
export interface Target {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

type Timing = Pick<HttpLoad, 'lanes' | 'durationMs'>
/** Loads the target once and returns its rates. `path` replaces that of the payments API. */
export type Load = (target: Target, timing: Timing, path?: string) => Promise<Rates>

const PATH = '/api/v1/payments'
/** Number of payments that lists and lookups find on an otherwise empty database. */
export const FEW = 200

let created = 0

const bodyOf = (n: number): string =>
  JSON.stringify({ amount: '1500.00', currency: 'KES', description: 'Two cups of coffee', reference: `order-${n}` })

/** Creates payments, each with its own Idempotency-Key. */
const createPayments: Load = ({ url, headers }, timing, path = PATH) => {
  const next = (n: number): { headers: Record<string, string>; body: string } => {
    created += 1
    return { headers: { 'idempotency-key': `bench-${created}` }, body: bodyOf(FEW + 1 + n) }
  }
  return loadHttp({ ...timing, url: url + path, method: 'POST', headers, next, expectStatus: 201 })
}

/** Reads the newest page of payments. */
const listPayments: Load = ({ url, headers }, timing, path = PATH) =>
  loadHttp({ ...timing, url: url + path, method: 'GET', headers, expectStatus: 200 })

/** Finds payments by one of the references that `addFewPayments` wrote. */
const findPayments: Load = ({ url, headers }, timing, path = PATH) => {
  const next = (n: number): { path: string } => ({ path: `${path}?reference=order-${1 + (n % FEW)}` })
  return loadHttp({ ...timing, url: url + path, method: 'GET', headers, next, expectStatus: 200 })
}

/** Loads that use only the HTTP API, so that they work with every commit that serves it. */
export const LOADS = { payments: createPayments, list: listPayments, lookup: findPayments } as const
export type LoadName = keyof typeof LOADS

/** Creates the payments order-1 to order-200. */
export async function addFewPayments({ url, headers }: Target): Promise<void> {
  for (let n = 1; n <= FEW; n += 1) {
    const answer = await fetch(url + PATH, { method: 'POST', headers: { ...headers }, body: bodyOf(n) })
    if (answer.status !== 201) throw new Error(`POST ${PATH} answered ${answer.status}: ${await answer.text()}`)
    await answer.arrayBuffer()
  }
}
