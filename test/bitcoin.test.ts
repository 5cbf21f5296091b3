import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWorld, type Answer, type World } from './world.ts'

/** Ways to change the simulated chain, as whoever tries Purser out has them. */
async function control(world: World, name: string, body: object = {}): Promise<Answer['body']> {
  const answer = await world.api('POST', `/sandbox/bitcoin/${name}`, body)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

const LOOK_MS = 10_000

const create = async (world: World, body: object): Promise<Answer['body']> => {
  const made = await world.api('POST', '/api/v1/payments', { methods: ['bitcoin'], ...body })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  return made.body
}
const begin = (world: World, id: string): Promise<Answer> =>
  world.api('POST', `/api/v1/payments/${id}/attempts`, { method: 'bitcoin' })
const find = async (world: World, id: string): Promise<Answer['body']> =>
  (await world.api('GET', `/api/v1/payments/${id}`)).body

test('a payment in bitcoin: its own address, seen at once, paid when final', async () => {
  await using world = await openWorld()
  const { id } = await create(world, { amount: '0.00100000', currency: 'BTC' })
  const begun = await begin(world, id)
  assert.equal(begun.status, 201, JSON.stringify(begun.body))
  const [attempt] = (await world.app.payments.find(world.app.db, { id }))?.attempts ?? []
  assert.ok(attempt?.address)
  await world.advance(LOOK_MS)
  await control(world, 'pay', { address: attempt.address, amount: '0.001' })
  await world.advance(LOOK_MS)
  assert.equal((await find(world, id)).status, 'processing')
  assert.deepEqual(await world.broken(), [])
  await control(world, 'mine')
  await world.advance(LOOK_MS)
  assert.equal((await find(world, id)).status, 'paid')
  assert.deepEqual(await world.broken(), [])
})

test('a price in shillings: the rate is locked, and what comes counts for exactly what was asked', async () => {
  await using world = await openWorld()
  const { id } = await create(world, { amount: '1500.00', currency: 'KES' })
  const begun = await begin(world, id)
  assert.equal(begun.status, 201, JSON.stringify(begun.body))
  const [attempt] = (await world.app.payments.find(world.app.db, { id }))?.attempts ?? []
  assert.ok(attempt?.paymentUri)
  await control(world, 'pay', { address: attempt.paymentUri })
  await control(world, 'mine')
  await world.advance(LOOK_MS)
  const paid = await find(world, id)
  assert.deepEqual([paid.status, paid.amount_received], ['paid', '1500.00'])
  assert.deepEqual(await world.broken(), [])
})
