import assert from 'node:assert/strict'
import { openWorld, type Answer, type World, type WorldOptions } from './world.ts'

/** The whole program with a payer's wallet and miners on the simulated chain. */
export interface ChainWorld extends World {
  /** A payment whose payer has asked for an address. */
  invoice(body: object): Promise<Invoice>
  /** As the API shows it. */
  payment(id: string): Promise<Answer['body']>
  /** Money to an address or of a payment link; `more` as the control takes it. @returns the transaction */
  pay(address: string, amount?: string, more?: object): Promise<string>
  control(name: string, body?: object): Promise<Answer['body']>
  refusal(name: string, body: object): Promise<string>
  /** Time for a look at the node. */
  look(): Promise<void>
  /** A block, and a look. */
  mine(blocks?: number): Promise<void>
  /** What the merchant has in units of a currency, and what it owes. */
  balance(currency: string): Promise<readonly [available: string, debt: string]>
  /** Status, what is received and whether it is partial, overpaid, late; after the books were checked. */
  stands(id: string): Promise<readonly [status: string, received: string, flags: string]>
}

export interface Invoice {
  readonly id: string
  readonly address: string
  readonly uri: string
  /** In BTC. */
  readonly amount: string
}

const LOOK_MS = 10_000

export async function openChainWorld(options: WorldOptions = {}): Promise<ChainWorld> {
  const world = await openWorld(options)
  const post = (name: string, body: object): Promise<Answer> => world.api('POST', `/sandbox/bitcoin/${name}`, body)
  const control = async (name: string, body: object = {}): Promise<Answer['body']> => {
    const answer = await post(name, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return answer.body
  }
  const payment = async (id: string): Promise<Answer['body']> => (await world.api('GET', `/api/v1/payments/${id}`)).body
  const look = (): Promise<void> => world.jump(LOOK_MS)
  return {
    ...world,
    control,
    payment,
    look,
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
      await look()
    },
    balance: async (currency) => {
      const { body } = await world.api('GET', `/api/v1/balance?currency=${currency}`)
      return [body.balances[0].available, body.balances[0].debt]
    },
    stands: async (id) => {
      assert.deepEqual(await world.broken(), [])
      const { status, amount_received: received, flags } = await payment(id)
      const set = Object.keys(flags).filter((name) => flags[name])
      return [status, received, set.join(' ')]
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  }
}
