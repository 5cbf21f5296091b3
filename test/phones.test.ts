import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWorld, type World } from './world.ts'

async function payFrom(world: World, phone: string): Promise<string> {
  const created = await world.api('POST', '/api/v1/payments', { amount: '1500.00', currency: 'KES' })
  assert.equal(created.status, 201, JSON.stringify(created.body))
  const attempt = await world.api('POST', `/api/v1/payments/${created.body.id}/attempts`, { method: 'mpesa', phone })
  assert.equal(attempt.status, 201, JSON.stringify(attempt.body))
  return created.body.id
}

test('a phone that pays', async () => {
  await using world = await openWorld()
  const id = await payFrom(world, '254700000001')
  await world.advance(3000)
  const { body } = await world.api('GET', `/api/v1/payments/${id}`)
  assert.equal(body.status, 'paid', JSON.stringify(body))
  assert.deepEqual(await world.broken(), [])
})
