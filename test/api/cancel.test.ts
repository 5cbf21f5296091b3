import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openWorld } from '../world.ts'
import { assertBooksHold, assertRefused, create, find, leap, paid, PAYMENTS, start } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const cancel = (id: string) => world.api('POST', `${PAYMENTS}/${id}/cancel`)

void test('an open payment is canceled, and canceling again changes nothing', async () => {
  const { id, version } = await create(world)
  const first = await cancel(id)
  assert.deepEqual([first.status, first.body.status], [200, 'canceled'])
  assert.ok(first.body.version > version)
  assert.deepEqual(await find(world, id), first.body)
  const again = await cancel(id)
  assert.deepEqual([again.status, again.body], [200, first.body])
})

void test('a paid payment is not canceled', async () => {
  const payment = await paid(world)
  assertRefused(await cancel(payment.id), { status: 409, code: 'payments.already-paid', says: /paid already/ })
  assert.deepEqual(await find(world, payment.id), payment)
})

void test('a payment with a prompt on a phone is not canceled until the prompt has ended', async () => {
  const { id } = await create(world)
  await start(world, id, '254711000030')
  const refused = await cancel(id)
  assertRefused(refused, { status: 409, code: 'payments.attempt-in-flight', says: /Wait until it ends/ })
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/)
  assert.equal((await find(world, id)).status, 'processing')
  await world.api('POST', '/sandbox/phone/254711000030/decline', {})
  await world.advance(1000)
  assert.equal((await cancel(id)).body.status, 'canceled')
})

void test('an expired payment is not canceled', async () => {
  const { id } = await create(world, { expires_in: 30 })
  await leap(world, 31_000)
  assertRefused(await cancel(id), { status: 409, code: 'payments.over', says: /expired/ })
})

void test('canceled while a card page was open: later money is credited as late, and the payment is paid', async () => {
  const { id } = await create(world)
  const { body: attempt } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'card' })
  assert.equal((await cancel(id)).body.status, 'canceled')
  const form = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Asha' })
  assert.equal((await fetch(attempt.redirect_url, { method: 'POST', body: form })).status, 200)
  await world.advance(5000)
  const { status, amount_received: received, flags } = await find(world, id)
  assert.deepEqual([status, received, flags.late], ['paid', '1500.00', true])
})

void test('concurrent cancel and prompt: exactly one succeeds', async () => {
  for (let n = 0; n < 10; n++) {
    const { id } = await create(world)
    const body = { method: 'mpesa', phone: `2547110001${10 + n}` }
    const [canceled, started] = await Promise.all([cancel(id), world.api('POST', `${PAYMENTS}/${id}/attempts`, body)])
    const outcome = [canceled.status, started.status].join()
    assert.ok(outcome === '200,409' || outcome === '409,201', outcome)
  }
})

void test('the books hold afterwards', () => assertBooksHold(world))
