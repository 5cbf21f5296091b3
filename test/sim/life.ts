import type { Answer } from '../world.ts'
import type { Desk } from './desk.ts'

/** Numbers from 0 to below `below`. */
export type Random = (below: number) => number

export interface Shop {
  readonly merchantId: string
  readonly key: string
}

/** An address that a payer was shown. */
export interface Address {
  readonly address: string
  /** In BTC, as it was asked for. */
  readonly amount: string
}

export interface Payment {
  readonly id: string
  readonly key: string
  readonly shop: Shop
  readonly body: Readonly<Record<string, unknown>>
  /** Of Stripe's, where a card can be typed. */
  readonly pages: string[]
  /** Of Crossmint's. */
  readonly orders: string[]
  readonly addresses: Address[]
}

/** A refund as the merchant knows it. */
export interface Refund {
  readonly id: string
  readonly payment: Payment
  /** Of its link. */
  readonly secret: string | undefined
}

/** Money that came to the bank by hand. In cents. */
export interface Banked {
  readonly attemptId: string
  readonly number: string
  readonly amount: bigint
}

/** What the acts of one life share. */
export interface Life {
  readonly desk: Desk
  readonly random: Random
  readonly shops: readonly Shop[]
  readonly payments: Payment[]
  readonly refunds: Refund[]
  /** Transactions that payers have sent to our addresses. */
  readonly transactions: string[]
  /** What the operator has paid by hand, by refund, in minor units. */
  readonly paidByHand: Map<string, bigint>
  /** The bank's own books. */
  readonly bank: Banked[]
  /** What must not be, as it is found. */
  problem(text: string): void
  /** The request of somebody who does not give up until there is an answer. */
  insist(shop: Shop, path: string, body: object, key?: string): Promise<Answer>
}

export interface Act {
  readonly name: string
  /** How often it is chosen, beside the others. */
  readonly weight: number
  /** What must be tried in bad weather: it is worse then. */
  readonly rough?: boolean
  /** Says what it did, for the trace; NOTHING where there was nothing to do it with. */
  act(): Promise<string>
}

export const NOTHING = 'nothing'

export const pick = <T>(random: Random, all: readonly T[]): T => all[random(all.length)] as T

/** Says how `about` went with one of the payments that fit. */
export const withPayment = (
  { random, payments }: Pick<Life, 'random' | 'payments'>,
  fits: (payment: Payment) => boolean,
  about: (payment: Payment) => Promise<string>,
): Promise<string> =>
  withOne(random, payments.filter(fits), async (one) => `${payments.indexOf(one)} ${await about(one)}`)

/** Whether the payment is offered by a method. */
export const isBy =
  (method: string) =>
  ({ body }: Payment): boolean =>
    (body['methods'] as readonly string[]).includes(method)

/** Says how `about` went with one of the things there are. */
export async function withOne<T>(
  random: Random,
  all: readonly T[],
  about: (one: T) => Promise<string>,
): Promise<string> {
  // Twice as likely one of the newest: those are still open.
  const from = random(2) === 0 ? Math.max(0, all.length - 6) : 0
  const one = all[from + random(all.length - from || 1)]
  return one === undefined ? NOTHING : about(one)
}

const TRIES = 4

export function createInsist(desk: Desk, problem: Life['problem']): Life['insist'] {
  let keys = 0
  return async (shop, path, body, key = `key-${++keys}`) => {
    const headers = { authorization: `Bearer ${shop.key}`, 'idempotency-key': key }
    for (let tries = 1; ; tries++) {
      const answer = await desk.world.api('POST', path, body, headers).catch(() => undefined)
      await desk.settled()
      const isBusy = answer?.status === 409 && answer.body?.error?.code === 'idempotency-in-progress'
      if (answer && answer.status < 500 && !isBusy) return answer
      if (answer?.status === 503 && answer.body?.error?.code === 'rates.unavailable') return answer
      if (tries === TRIES) {
        problem(`${path} was never answered: ${JSON.stringify(answer?.body ?? 'no connection')}`)
        return answer ?? { status: 0, headers: new Headers(), body: {} }
      }
      if (tries > 1) desk.calm()
      await desk.pass(1000)
    }
  }
}
