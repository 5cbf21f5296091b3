import assert from 'node:assert/strict'
import { create, find, PAYMENTS } from './api/shop.ts'
import type { World } from './world.ts'

/** How a payer pays by each rail, through its simulator. */
export interface Payer {
  readonly method: string
  readonly currency: 'KES' | 'USD'
  readonly phone?: string
  /** Form that the payer sends on the provider's page. */
  readonly form?: Readonly<Record<string, string>>
}

const CARD = { number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Asha' }

/** By provider name in the sandbox. */
export const PAYERS = {
  daraja: { method: 'mpesa', currency: 'KES', phone: '254700000001' },
  airtel: { method: 'airtel', currency: 'KES', phone: '254730000001' },
  stripe: { method: 'card', currency: 'USD', form: CARD },
  crossmint: { method: 'crossmint', currency: 'USD', form: { wallet: 'full' } },
} as const satisfies Readonly<Record<string, Payer>>

/** Posts a form to the provider's page. */
export async function visit(url: string, form: Readonly<Record<string, string>>): Promise<void> {
  const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(form), redirect: 'manual' })
  assert.equal(answer.status, 200, await answer.text())
}

/** Creates a payment of 1,500 and starts an attempt. Returns the attempt as the API shows it. */
export async function begin(
  world: World,
  { method, currency, phone, form }: Payer,
  body: object = {},
): Promise<{ id: string; attempt: any }> {
  const { id } = await create(world, { amount: '1500.00', currency, methods: [method], ...body })
  const asked = { method, ...(phone === undefined ? {} : { phone }) }
  const { status, body: attempt } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, asked)
  assert.equal(status, 201, JSON.stringify(attempt))
  if (form && attempt.redirect_url) await visit(attempt.redirect_url, form)
  return { id, attempt }
}

/** Creates and pays a payment of 1,500. Returns its id. */
export async function payWith(world: World, payer: Payer): Promise<string> {
  const { id } = await begin(world, payer)
  await world.advance(12_000)
  assert.equal((await find(world, id)).status, 'paid', payer.method)
  return id
}

/** Creates and pays a payment of KES 1,500 in Bitcoin. Returns its id. */
export async function payInBitcoin(world: World, blocks = 1): Promise<string> {
  const { id, attempt } = await begin(world, { method: 'bitcoin', currency: 'KES' })
  await chain(world, 'pay', { address: attempt.payment_uri })
  if (blocks > 0) await chain(world, 'mine', { blocks })
  await world.jump(10_000)
  if (blocks > 0) assert.equal((await find(world, id)).status, 'paid')
  return id
}

/** Calls a control of the simulated chain. */
export async function chain(world: World, name: string, body: object = {}): Promise<any> {
  const answer = await world.api('POST', `/sandbox/bitcoin/${name}`, body)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}
