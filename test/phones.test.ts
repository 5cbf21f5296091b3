import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertBooksHold, assertRefused, create, find, ledgerBalance, prompt, start } from './api/shop.ts'
import { assertAtRest, assertFailed, assertPaidOnce, countPrompts, eventsOf, receiptsOf } from './outcome.ts'
import { openWorld, type World } from './world.ts'

/** Other tests rely on the behaviour of the sandbox's phones. Checks each of them. */

async function payFrom(world: World, phone: string): Promise<{ id: string; attempt: any }> {
  const { id } = await create(world, { expires_in: 24 * 3600 })
  return { id, attempt: await start(world, id, phone) }
}

void test('…001 pays after a second', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000001')
  assert.equal(attempt.status, 'pending')
  await world.advance(900)
  assert.equal((await find(world, id)).status, 'processing', 'not before')
  await world.advance(1000)
  await assertPaidOnce(world, id)
  assert.deepEqual(await receiptsOf(world, id), { count: 1, numbers: 1 })
  await assertAtRest(world, id)
})

void test('…002 has insufficient funds', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254700000002')
  await world.advance(3000)
  await assertFailed(world, id, 'insufficient-funds')
  await assertAtRest(world, id)
  await start(world, id, '254700000001')
  await world.advance(3000)
  assert.equal((await find(world, id)).status, 'paid', 'a second attempt pays')
  assert.equal(await ledgerBalance(world), '1500.00')
})

void test('…003 cancels', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254700000003')
  await world.advance(3000)
  await assertFailed(world, id, 'canceled-by-payer')
  await assertAtRest(world, id)
})

void test('…004 never answers: the query reports the timeout', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000004')
  await world.advance(55_000)
  assert.equal((await find(world, id)).status, 'processing', 'while the prompt is pending')
  await world.advance(65_000)
  await assertFailed(world, id, 'no-response')
  assert.equal(await eventsOf(world, attempt.id), 0, 'no callback arrived')
  await assertAtRest(world, id)
})

void test('…005 pays, the callback is lost, and polling finds the payment within 60 seconds', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000005')
  await world.advance(60_000)
  await assertPaidOnce(world, id)
  assert.equal(await eventsOf(world, attempt.id), 0)
  assert.deepEqual(await receiptsOf(world, id), { count: 1, numbers: 0 }, 'the query returns no receipt number')
  // The callback arrives later: the same receipt, now with its number.
  await world.api('POST', '/sandbox/phone/254700000005/callback', {})
  await world.advance(2000)
  await assertPaidOnce(world, id)
  assert.deepEqual(await receiptsOf(world, id), { count: 1, numbers: 1 })
  await assertAtRest(world, id)
})

void test('…006 pays, and three concurrent callbacks give one receipt', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000006')
  await world.advance(5000)
  await assertPaidOnce(world, id)
  assert.equal(await eventsOf(world, attempt.id), 1, 'the same event is stored once')
  assert.deepEqual(await receiptsOf(world, id), { count: 1, numbers: 1 })
  await assertAtRest(world, id)
})

void test('…007 the callback arrives before the response to the push', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000007')
  assert.ok(['pending', 'settled'].includes(attempt.status), attempt.status)
  assert.equal(await eventsOf(world, attempt.id), 1, 'the callback arrived before the attempt was answered')
  await world.advance(3000)
  await assertPaidOnce(world, id)
  await assertAtRest(world, id)
})

void test('…008 the response to the push is lost, and the callback reports the payment', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000008')
  assert.equal(attempt.status, 'unknown', 'unknown does not mean failed')
  assertRefused(await prompt(world, id, '254700000008'), { status: 409, code: 'payments.attempt-in-flight' })
  await world.advance(5000)
  await assertPaidOnce(world, id)
  assert.equal(await countPrompts(world, '254700000008'), 1, 'the prompt was never repeated')
  await assertAtRest(world, id)
})

void test('…011 nothing reports the payment: abandoned after 3 minutes, then the payer can try again', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000011')
  assert.equal(attempt.status, 'unknown')
  await world.advance(170_000)
  const waiting = await find(world, id)
  assert.deepEqual([waiting.status, waiting.attempts[0].status], ['processing', 'unknown'])
  assertRefused(await prompt(world, id, '254700000001'), { status: 409, code: 'payments.attempt-in-flight' })
  await world.advance(20_000)
  const free = await find(world, id)
  assert.deepEqual([free.status, free.attempts[0].status, free.attempts[0].reason], ['open', 'abandoned', null])
  assert.equal(await countPrompts(world, '254700000011'), 1, 'the prompt was never repeated')
  await assertBooksHold(world)

  await start(world, id, '254700000001')
  await world.advance(3000)
  const again = await find(world, id)
  assert.deepEqual([again.status, again.amount_received], ['paid', '1500.00'])

  // The first prompt was also paid, as its late callback reports. It is credited as an overpayment.
  await world.api('POST', '/sandbox/phone/254700000011/callback', {})
  await world.advance(3000)
  const over = await find(world, id)
  assert.deepEqual([over.status, over.amount_received, over.flags.overpaid], ['paid', '3000.00', true])
  assert.deepEqual(
    over.attempts.map(({ status }: any) => status),
    ['settled', 'settled'],
  )
  assert.equal((await receiptsOf(world, id)).count, 2)
  assert.equal(await ledgerBalance(world), '3000.00')
  await assertBooksHold(world)
  await assertAtRest(world, id)
})

void test('…011 late money alone pays the payment', async () => {
  await using world = await openWorld()
  const { id } = await create(world, { expires_in: 120 })
  await start(world, id, '254700000011')
  await world.advance(5 * 60_000)
  assert.equal((await find(world, id)).status, 'expired')
  await world.api('POST', '/sandbox/phone/254700000011/callback', {})
  await world.advance(3000)
  const late = await find(world, id)
  assert.deepEqual([late.status, late.amount_received, late.flags.late], ['paid', '1500.00', true])
  assert.equal(await ledgerBalance(world), '1500.00')
  await assertBooksHold(world)
})

void test('…009 underpays by a shilling, and the rest can be paid', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254700000009')
  await world.advance(3000)
  const short = await find(world, id)
  assert.deepEqual(
    [short.status, short.amount_received, short.amount_due, short.flags.partial, short.attempts[0].status],
    ['open', '1499.00', '1.00', true, 'settled'],
  )
  assert.equal(await ledgerBalance(world), '1499.00')
  await assertBooksHold(world)
  await start(world, id, '254700000001')
  await world.advance(3000)
  const whole = await find(world, id)
  assert.deepEqual([whole.status, whole.amount_received, whole.flags.partial], ['paid', '1500.00', false])
  assert.equal((await receiptsOf(world, id)).count, 2)
  assert.equal(await ledgerBalance(world), '1500.00')
  await assertBooksHold(world)
  await assertAtRest(world, id)
})

void test('…010 the query has no result for a while, then reports success within 60 seconds', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000010')
  await world.advance(15_000)
  const waiting = await find(world, id)
  assert.deepEqual(
    [waiting.status, waiting.attempts[0].status],
    ['processing', 'pending'],
    'a missing result does not mean failed',
  )
  await world.advance(45_000)
  await assertPaidOnce(world, id)
  assert.equal(await eventsOf(world, attempt.id), 0)
  await assertAtRest(world, id)
})

void test('any other number waits for manual action', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254712345678')
  await world.advance(60_000)
  assert.equal((await find(world, id)).status, 'processing')
  const { body } = await world.api('GET', '/sandbox/phone/254712345678')
  assert.equal(body.prompts[0].amount, '1500')
  await world.api('POST', '/sandbox/phone/254712345678/approve', {})
  await world.advance(2000)
  await assertPaidOnce(world, id)
})

void test('any other number times out without action', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254712345678')
  await world.api('POST', '/sandbox/phone/254712345678/ignore', {})
  await world.advance(3 * 60_000)
  await assertFailed(world, id, 'no-response')
})
