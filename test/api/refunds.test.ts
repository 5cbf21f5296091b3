import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import { openReceiver } from '../faulty.ts'
import { openWorld, type Answer, type World } from '../world.ts'
import { assertRefused, create, find, ledgerBalance, paid, PAYMENTS } from './shop.ts'

const REFUNDS = '/api/v1/refunds'

const refund = (world: World, id: string, body?: object, headers?: Record<string, string>): Promise<Answer> =>
  world.api('POST', `${PAYMENTS}/${id}/refunds`, body, headers)

/** Creates a card payment of KES 1,500 and pays it. */
async function paidByCard(world: World, number = '4242424242424242'): Promise<any> {
  const { id } = await create(world, { methods: ['card'] })
  const { body } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'card' })
  const form = new URLSearchParams({ number, expiry: '12/34', cvc: '123' })
  assert.equal((await fetch(body.redirect_url, { method: 'POST', body: form })).status, 200)
  await world.advance(3000)
  const payment = await find(world, id)
  assert.equal(payment.status, 'paid')
  return payment
}

void test('a card payment is refunded in parts, each once, and the payment shows it', async () => {
  await using world = await openWorld()
  const { id } = await paidByCard(world)
  const headers = { 'idempotency-key': 'refund-1' }
  const first = await refund(world, id, { amount: '500.00', reason: 'One mug was broken' }, headers)
  assert.equal(first.status, 201, JSON.stringify(first.body))
  const { object, status, amount, currency, payment, reason, method, livemode, claim_url } = first.body
  assert.deepEqual(
    { object, status, amount, currency, payment, reason, method, livemode, claim_url },
    {
      ...{ object: 'refund', status: 'succeeded', amount: '500.00', currency: 'KES', payment: id },
      ...{ reason: 'One mug was broken', method: 'stripe', livemode: false, claim_url: null },
    },
  )
  const again = await refund(world, id, { amount: '500.00', reason: 'One mug was broken' }, headers)
  assert.deepEqual([again.body, again.headers.get('idempotent-replayed')], [first.body, 'true'])
  assertRefused(await refund(world, id, { amount: '1.00' }, headers), { status: 409, code: 'idempotency-key-reused' })
  await world.advance(5000)
  const some = await find(world, id)
  assert.deepEqual(
    [some.status, some.amount_received, some.amount_refunded, some.amount_due],
    ['paid', '1000.00', '500.00', '0.00'],
  )
  assert.equal(await ledgerBalance(world), '1000.00')
  assertRefused(await refund(world, id, { amount: '1000.01' }), {
    ...{ status: 409, code: 'payments.refund-too-large', param: 'amount', says: /At most KES 1000\.00/ },
  })
  assert.equal((await refund(world, id)).body.amount, '1000.00')
  await world.advance(5000)
  assert.equal((await find(world, id)).status, 'reversed')
  assertRefused(await refund(world, id), { status: 409, code: 'payments.nothing-to-refund' })
  const list = await world.api('GET', `${PAYMENTS}/${id}/refunds?limit=1`)
  assert.deepEqual([list.body.data.length, list.body.data[0].amount], [1, '1000.00'])
  const next = await world.api('GET', `${REFUNDS}?limit=1&cursor=${list.body.next_cursor}`)
  assert.deepEqual([next.body.data[0].id, next.body.next_cursor], [first.body.id, null])
  assert.deepEqual((await world.api('GET', `${REFUNDS}/${first.body.id}`)).body, first.body)
  assert.deepEqual(await world.broken(), [])
})

void test('delayed refunds: one is pending for a minute, one fails after success', async () => {
  await using world = await openWorld()
  const slow = await paidByCard(world, '4000000000007726')
  const pending = (await refund(world, slow.id)).body
  assert.equal(pending.status, 'pending')
  assert.equal((await world.api('GET', '/api/v1/balance')).body.balances[0].available, '0.00')
  assert.equal((await find(world, slow.id)).amount_refunded, '0.00')
  await world.advance(70_000)
  assert.equal((await world.api('GET', `${REFUNDS}/${pending.id}`)).body.status, 'succeeded')
  assert.equal((await find(world, slow.id)).amount_refunded, '1500.00')

  const failing = await paidByCard(world, '4000000000005126')
  const done = (await refund(world, failing.id, { amount: '600.00' })).body
  assert.equal(done.status, 'succeeded')
  await world.advance(70_000)
  const { status, failure } = (await world.api('GET', `${REFUNDS}/${done.id}`)).body
  assert.deepEqual([status, failure], ['failed', 'expired'])
  const payment = await find(world, failing.id)
  assert.deepEqual([payment.status, payment.amount_refunded, payment.amount_received], ['paid', '0.00', '1500.00'])
  assert.deepEqual(await world.broken(), [])
})

void test('a refund made in Stripe’s dashboard is listed and counted once', async () => {
  await using world = await openWorld()
  const { id } = await paidByCard(world)
  const receipt = (await world.app.payments.find(world.app.db, { id }))?.receipts[0]
  const dashboard = await fetch(`${world.url}/sandbox/stripe/v1/refunds`, {
    method: 'POST',
    headers: { authorization: 'Bearer sk_test_sandbox' },
    body: new URLSearchParams({ charge: receipt?.providerId ?? '', amount: '70000' }),
  })
  assert.equal(dashboard.status, 200)
  await world.advance(3000)
  await refund(world, id, { amount: '300.00' })
  await world.advance(3000)
  const { data } = (await world.api('GET', `${PAYMENTS}/${id}/refunds`)).body
  assert.deepEqual(
    data.map(({ origin, amount, status }: any) => [origin, amount, status]),
    [
      ['merchant', '300.00', 'succeeded'],
      ['provider', '700.00', 'succeeded'],
    ],
  )
  assert.equal((await find(world, id)).amount_refunded, '1000.00')
  assert.equal(await ledgerBalance(world), '500.00')
  assert.deepEqual(await world.broken(), [])
})

void test('invalid refunds are refused with advice', async () => {
  await using world = await openWorld()
  const { id } = await paidByCard(world)
  for (const [body, says] of [
    [{ amount: 500 }, /string/],
    [{ amount: '0.00' }, /more than zero/],
    [{ amount: '-5.00' }, /amount/],
    [{ amount: '1.001' }, /amount/],
    [{ amount: '1.00', other: 1 }, /other/],
    [{ reason: 'x'.repeat(201) }, /200/],
    [{ method: 'cash' }, /method/],
    [{ currency: 'XYZ' }, /currency "XYZ" is not known/],
    [{ currency: 'usd' }, /in capitals/],
  ] as const) {
    const answer = await refund(world, id, body)
    assert.deepEqual([answer.status, answer.body.error?.code], [422, 'validation-failed'], JSON.stringify(answer.body))
    assert.match(answer.body.error.message, says)
  }
  const open = await create(world)
  assertRefused(await refund(world, open.id), { status: 409, code: 'payments.nothing-to-refund' })
  assert.deepEqual((await find(world, id)).uncounted, [])
  const elsewhere = { status: 409, code: 'payments.nothing-to-refund' }
  assertRefused(await refund(world, id, { currency: 'USD' }), elsewhere)
  const nobody = 'pay_01kd3vq7m2e8wtzr4c9x5bnh6f'
  assertRefused(await refund(world, nobody), { status: 404, code: 'payments.not-found' })
  assertRefused(await refund(world, nobody, { amount: '1.00' }), {
    status: 404,
    code: 'payments.not-found',
    param: 'id',
  })
  assertRefused(await world.api('GET', `${PAYMENTS}/${nobody}/refunds`), {
    status: 404,
    code: 'payments.not-found',
    param: 'id',
  })
  assertRefused(await world.api('GET', `${REFUNDS}/re_01kd3vq7m2e8wtzr4c9x5bnh6f`), {
    status: 404,
    code: 'payments.no-such-refund',
    param: 'id',
  })
  assertRefused(await world.api('GET', `${REFUNDS}?cursor=nonsense`), {
    status: 422,
    code: 'payments.bad-cursor',
    param: 'cursor',
  })
})

void test('a read-only key cannot refund and does not see refund links', async () => {
  await using world = await openWorld()
  const { identity, db } = world.app
  const actor = { type: 'system', id: 'test' } as const
  const input = { merchantId: world.merchantId, name: 'reader', scopes: ['payments:read'] as const }
  const { secret } = await db.transaction((tx) => identity.createKey(tx, input, actor))
  const reader = { authorization: `Bearer ${secret}` }
  const { id } = await paidByCard(world)
  assertRefused(await refund(world, id, {}, reader), { status: 403, code: 'forbidden' })
  const link = (await refund(world, id, { method: 'claim' })).body
  assert.match(link.claim_url, new RegExp(`^${world.url}/refund/${link.id}\\?c=[0-9a-f]{40}$`))
  assert.equal((await world.api('GET', `${REFUNDS}/${link.id}`)).body.claim_url, link.claim_url)
  assert.equal((await world.api('GET', `${REFUNDS}/${link.id}`, undefined, reader)).body.claim_url, null)
  assert.equal((await world.api('GET', REFUNDS)).body.data[0].claim_url, null)
  assertRefused(await world.api('POST', `${REFUNDS}/${link.id}/cancel`, undefined, reader), {
    status: 403,
    code: 'forbidden',
  })
  assert.equal((await world.api('POST', `${REFUNDS}/${link.id}/cancel`)).body.status, 'canceled')
  assert.equal(await ledgerBalance(world), '1500.00')
  assert.deepEqual(await world.broken(), [])
})

void test('refunds publish events', async () => {
  await using world = await openWorld()
  await using receiver = await openReceiver()
  const endpoint = { url: `${receiver.url}/hooks`, events: ['refund.*', 'payment.reversed'] }
  assert.equal((await world.api('POST', '/api/v1/webhook-endpoints', endpoint)).status, 201)
  const { id } = await paidByCard(world)
  const receivedEvents = (): any[] => receiver.received.map(({ body }) => JSON.parse(body.toString()))
  const made = (await refund(world, id, { amount: '500.00' })).body
  const link = (await refund(world, id, { amount: '1000.00', method: 'claim' })).body
  await world.advance(5000)
  assert.deepEqual(
    receivedEvents()
      .map(({ type, data }) => `${type} ${data.object.id === made.id ? 'made' : 'link'}`)
      .toSorted(),
    ['refund.claimable link', 'refund.created link', 'refund.created made', 'refund.succeeded made'],
  )
  const secret = new URL(link.claim_url).searchParams.get('c') ?? assert.fail(link.claim_url)
  assert.ok(!JSON.stringify(receivedEvents()).includes(secret), 'events do not contain the refund link')
  const kept = await world.app.db.many<{ body: string }>(sql`select body from webhooks.events`)
  assert.ok(kept.length > 0 && kept.every(({ body }) => !body.includes(secret)))
  assert.equal((await world.api('GET', `${REFUNDS}/${link.id}`)).body.claim_url, link.claim_url)
  await world.api('POST', `${REFUNDS}/${link.id}/cancel`)
  await refund(world, id)
  await world.advance(5000)
  const types = receivedEvents().map(({ type }) => type as string)
  assert.ok(types.includes('refund.canceled'))
  assert.equal(types.filter((type) => type === 'payment.reversed').length, 1, 'the payment was fully refunded')
})

void test('no refund link is logged, and an M-Pesa payment without a refund route gets a link', async () => {
  await using world = await openWorld()
  const { id } = await paid(world)
  const { claim_url: url } = (await refund(world, id, { method: 'claim' })).body
  const secret = new URL(url).searchParams.get('c') ?? assert.fail(url)
  await world.api('GET', `/refund/x?c=${secret}`)
  assert.ok(!JSON.stringify(world.log.entries).includes(secret))
})
