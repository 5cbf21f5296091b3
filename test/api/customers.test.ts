import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openWorld, type World } from '../world.ts'
import { ask, assertBooksHold, assertRefused, available, create, find, paid, PAYMENTS, start } from './shop.ts'

/** Prepaid balances of the merchant's customers. */

let world: World
before(async () => {
  world = await openWorld()
})
after(() => world[Symbol.asyncDispose]())

const balances = async (customer: string): Promise<unknown> =>
  (await world.api('GET', `/api/v1/customers/${customer}/balance`)).body.balances
const payFrom = (id: string) => world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'balance' })

async function topUp(customer: string, amount = '1000.00'): Promise<void> {
  const { id } = await create(world, { amount, top_up: true, customer: { id: customer } })
  await start(world, id, '254700000001')
  await world.advance(3000)
  assert.deepEqual([(await find(world, id)).status, (await find(world, id)).top_up], ['paid', true])
}

void test('a customer tops up by M-Pesa, then pays from the balance, and a refund returns to it', async () => {
  const merchants = await available(world)
  assert.deepEqual(await balances('cus-1'), [])
  await topUp('cus-1')
  assert.deepEqual(await balances('cus-1'), [{ currency: 'KES', available: '1000.00' }])
  assert.equal(await available(world), merchants, 'the top-up does not belong to the merchant')

  const order = await create(world, { amount: '400.00', methods: ['balance', 'mpesa'], customer: { id: 'cus-1' } })
  assert.deepEqual(order.methods, ['balance', 'mpesa'])
  const answer = await payFrom(order.id)
  assert.deepEqual([answer.status, answer.body.status, answer.body.method], [201, 'settled', 'balance'])
  assert.equal((await find(world, order.id)).status, 'paid')
  assert.deepEqual(await balances('cus-1'), [{ currency: 'KES', available: '600.00' }])

  const back = await world.api('POST', `${PAYMENTS}/${order.id}/refunds`, { amount: '150.00' })
  assert.deepEqual([back.status, back.body.status, back.body.method], [201, 'succeeded', 'balance'])
  assert.deepEqual(await balances('cus-1'), [{ currency: 'KES', available: '750.00' }])
  await assertBooksHold(world)
})

void test('a payment above the balance is refused, and another method still works', async () => {
  const order = await create(world, { amount: '50.00', methods: ['balance', 'mpesa'], customer: { id: 'cus-poor' } })
  const refused = { status: 409, code: 'payments.balance-too-low', says: /balance is KES 0\.00, and KES 50\.00 is due/ }
  assertRefused(await payFrom(order.id), refused)
  await start(world, order.id, '254700000001')
  await world.advance(3000)
  assert.equal((await find(world, order.id)).status, 'paid')
})

void test('the checkout page neither shows nor accepts the balance', async () => {
  await topUp('cus-page')
  const { id, checkout_url: url } = await create(world, {
    amount: '100.00',
    methods: ['balance', 'card'],
    customer: { id: 'cus-page' },
  })
  assert.doesNotMatch(await (await fetch(url)).text(), /value="balance"/)
  const forced = await fetch(`${url}/attempts`, {
    method: 'POST',
    body: new URLSearchParams({ method: 'balance' }),
    redirect: 'manual',
  })
  assert.equal(forced.status, 409)
  assert.deepEqual([(await find(world, id)).status, (await find(world, id)).attempts], ['open', []])
  assert.deepEqual(await balances('cus-page'), [{ currency: 'KES', available: '1000.00' }])
})

void test('a merchant credits a customer from its own balance, once per key', async () => {
  await paid(world, { amount: '500.00' })
  const had = await available(world)
  const credit = (key: string, amount = '100.00') =>
    world.api('POST', '/api/v1/customers/cus-bonus/top-ups', { amount, currency: 'KES' }, { 'idempotency-key': key })
  const first = await credit('bonus-1')
  assert.deepEqual(
    [first.status, first.body],
    [
      201,
      {
        object: 'customer_balance',
        customer: 'cus-bonus',
        balances: [{ currency: 'KES', available: '100.00' }],
      },
    ],
  )
  assert.equal((await credit('bonus-1')).headers.get('idempotent-replayed'), 'true')
  assertRefused(await credit('bonus-1', '200.00'), { status: 409, code: 'idempotency-key-reused' })
  assertRefused(await credit('bonus-2', '999999.00'), { status: 409, code: 'ledger.insufficient-funds' })
  assert.deepEqual([Number(had) - Number(await available(world))], [100])
  await assertBooksHold(world)
})

void test('a store’s key can neither credit nor charge a customer balance', async () => {
  const { id: storeId } = (await world.api('POST', '/api/v1/stores', { name: 'Mombasa' })).body
  const { db, identity } = world.app
  const key = await db.transaction((tx) =>
    identity.createKey(
      tx,
      { merchantId: world.merchantId, storeId, name: 'till' },
      { type: 'operator', id: 'opr_test' },
    ),
  )
  const headers = { authorization: `Bearer ${key.secret}` }
  await topUp('cus-store')
  const refused = { status: 403, code: 'forbidden', says: /one store/ }
  const customer = { id: 'cus-store' }
  assertRefused(await ask(world, { methods: ['balance'], customer }, headers), refused)
  assertRefused(await ask(world, { top_up: true, customer }, headers), refused)
  const { id } = await create(world, { methods: ['mpesa'], customer }, headers)
  assertRefused(await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'balance' }, headers), refused)
})

void test('invalid input is refused with the field and advice', async () => {
  const invalid = { status: 422, code: 'validation-failed' }
  assertRefused(await ask(world, { top_up: true }), { ...invalid, param: 'customer.id' })
  assertRefused(await ask(world, { methods: ['balance'] }), { ...invalid, param: 'customer.id' })
  assertRefused(await ask(world, { customer: { id: 'asha@example.com' } }), { ...invalid, param: 'customer.id' })
  const both = { top_up: true, methods: ['balance', 'mpesa'], customer: { id: 'cus-1' } }
  assertRefused(await ask(world, both), { ...invalid, param: 'methods', says: /not contain "balance"/ })
  for (const name of ['a%3Ab', '%00', 'x'.repeat(65)]) {
    const bad = await world.api('GET', `/api/v1/customers/${name}/balance`)
    assertRefused(bad, { status: 404, code: 'not-found' }, name)
  }
  const none = await create(world, { methods: ['mpesa'] })
  assertRefused(await payFrom(none.id), { status: 422, code: 'payments.method-not-allowed', param: 'method' })
})
