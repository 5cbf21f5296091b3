import assert from 'node:assert/strict'
import { openWorld, type Answer, type World, type WorldOptions } from './world.ts'

/** The whole program with a payer's wallet and miners on the simulated chain. */
export interface ChainWorld extends World {
  /** Creates a payment and requests an address for it. */
  invoice(body: object): Promise<Invoice>
  /** Returns the payment as the API shows it. */
  payment(id: string): Promise<Answer['body']>
  /** Pays an address or a payment link. `more` is passed to the control. @returns the transaction id */
  pay(address: string, amount?: string, more?: object): Promise<string>
  control(name: string, body?: object): Promise<Answer['body']>
  refusal(name: string, body: object): Promise<string>
  /** Advances time until the node is polled. */
  poll(): Promise<void>
  /** Mines blocks, then waits for a poll. */
  mine(blocks?: number): Promise<void>
  /** Returns the merchant's available balance and debt in minor units of a currency. */
  balance(currency: string): Promise<readonly [available: string, debt: string]>
  /** Checks the books, then returns status, received amount, and the flags partial, overpaid and late. */
  paymentState(id: string): Promise<readonly [status: string, received: string, flags: string]>
}

export interface Invoice {
  readonly id: string
  readonly address: string
  readonly uri: string
  /** Amount in BTC. */
  readonly amount: string
}

const POLL_MS = 10_000

export async function openChainWorld(options: WorldOptions = {}): Promise<ChainWorld> {
  const world = await openWorld(options)
  const post = (name: string, body: object): Promise<Answer> => world.api('POST', `/sandbox/bitcoin/${name}`, body)
  const control = async (name: string, body: object = {}): Promise<Answer['body']> => {
    const answer = await post(name, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }
  const payment = async (id: string): Promise<Answer['body']> => (await world.api('GET', `/api/v1/payments/${id}`)).body
  const poll = (): Promise<void> => world.jump(POLL_MS)
  return {
    ...world,
    control,
    payment,
    poll,
    invoice: async (body) => {
      const made = await world.api('POST', '/api/v1/payments', body)
      assert.equal(made.status, 201, JSON.stringify(made.body))
      const begun = await world.api('POST', `/api/v1/payments/${made.body.id}/attempts`, { method: 'bitcoin' })
      assert.equal(begun.status, 201, JSON.stringify(begun.body))
      const { address, payment_uri: uri, amount, status } = begun.body
      assert.equal(status, 'pending', JSON.stringify(begun.body))
      return { id: made.body.id, address, uri, amount }
    },
    pay: async (address, amount, more = {}) =>
      (await control('pay', { address, ...(amount !== undefined && { amount }), ...more })).txid,
    refusal: async (name, body) => JSON.stringify((await post(name, body)).body),
    mine: async (blocks = 1) => {
      await control('mine', { blocks })
      await poll()
    },
    balance: async (currency) => {
      const { body } = await world.api('GET', `/api/v1/balance?currency=${currency}`)
      return [body.balances[0].available, body.balances[0].debt]
    },
    paymentState: async (id) => {
      assert.deepEqual(await world.broken(), [])
      const { status, amount_received: received, flags } = await payment(id)
      const set = Object.keys(flags).filter((name) => flags[name])
      return [status, received, set.join(' ')]
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}
