import type { Answer } from '../world.ts'
import type { Desk } from './desk.ts'

/** Returns an integer from 0 up to, but not including, `below`. */
export type Random = (below: number) => number

export interface Shop {
  readonly merchantId: string
  readonly key: string
}

/** A Bitcoin address that a payer was shown. */
export interface Address {
  readonly address: string
  /** Requested amount in BTC. */
  readonly amount: string
}

export interface Payment {
  readonly id: string
  readonly key: string
  readonly shop: Shop
  readonly body: Readonly<Record<string, unknown>>
  /** URLs of Stripe's card pages. */
  readonly pages: string[]
  /** URLs of Crossmint's order pages. */
  readonly orders: string[]
  readonly addresses: Address[]
}

/** A refund as the merchant knows it. */
export interface Refund {
  readonly id: string
  readonly payment: Payment
  /** Secret of the refund link. */
  readonly secret: string | undefined
}

/** A bank transfer that arrived, in cents. */
export interface BankCredit {
  readonly attemptId: string
  readonly number: string
  readonly amount: bigint
}

/** State that the acts of one simulation run share. */
export interface SimulationRun {
  readonly desk: Desk
  readonly random: Random
  readonly shops: readonly Shop[]
  readonly payments: Payment[]
  readonly refunds: Refund[]
  /** Transactions that payers sent to Purser's addresses. */
  readonly transactions: string[]
  /** Refunds that the operator paid manually: amount in minor units by refund. */
  readonly paidManually: Map<string, bigint>
  /** The bank's statement. */
  readonly bank: BankCredit[]
  /** Reports a violation. */
  problem(text: string): void
  /** Sends a request and retries it, with the same key, until there is a response. */
  requestUntilAnswered(shop: Shop, path: string, body: object, key?: string): Promise<Answer>
}

export interface Act {
  readonly name: string
  /** Relative probability. */
  readonly weight: number
  /** True for acts that need more faults than others. */
  readonly faultProne?: boolean
  /** Performs the act. Returns its result for the trace, or NOTHING when there was nothing to act on. */
  act(): Promise<string>
}

export const NOTHING = 'nothing'

export const pick = <T>(random: Random, all: readonly T[]): T => all[random(all.length)] as T

/** Runs `about` with a random matching payment. Returns its result as text. */
export const withPayment = (
  { random, payments }: Pick<SimulationRun, 'random' | 'payments'>,
  fits: (payment: Payment) => boolean,
  about: (payment: Payment) => Promise<string>,
): Promise<string> =>
  withRandomElement(random, payments.filter(fits), async (one) => `${payments.indexOf(one)} ${await about(one)}`)

/** Whether the payment offers a method. */
export const offersMethod =
  (method: string) =>
  ({ body }: Payment): boolean =>
    (body['methods'] as readonly string[]).includes(method)

/** Runs `about` with a random element. Returns its result as text. */
export async function withRandomElement<T>(
  random: Random,
  all: readonly T[],
  about: (one: T) => Promise<string>,
): Promise<string> {
  // Prefer the newest elements half of the time, because those are still open.
  const from = random(2) === 0 ? Math.max(0, all.length - 6) : 0
  const one = all[from + random(all.length - from || 1)]
  return one === undefined ? NOTHING : about(one)
}

const TRIES = 4

export function createRequestUntilAnswered(
  desk: Desk,
  problem: SimulationRun['problem'],
): SimulationRun['requestUntilAnswered'] {
  let keys = 0
  return async (shop, path, body, key = `key-${++keys}`) => {
    const headers = { authorization: `Bearer ${shop.key}`, 'idempotency-key': key }
    for (let tries = 1; ; tries++) {
      const answer = await desk.world.api('POST', path, body, headers).catch(() => undefined)
      await desk.restarted()
      const isBusy = answer?.status === 409 && answer.body?.error?.code === 'idempotency-in-progress'
      if (answer && answer.status < 500 && !isBusy) return answer
      if (answer?.status === 503 && answer.body?.error?.code === 'rates.unavailable') return answer
      if (tries === TRIES) {
        problem(`${path} got no response: ${JSON.stringify(answer?.body ?? 'no connection')}`)
        return answer ?? { status: 0, headers: new Headers(), body: {} }
      }
      if (tries > 1) desk.clearFaults()
      await desk.pass(1000)
    }
  }
}
