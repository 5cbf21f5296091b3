import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { assetOf } from '#money'
import { sql } from '#platform/database/db'
import { openReceiver } from '../receiver.ts'
import { openWorld } from '../world.ts'
import { assertBooksHold, assertRefused, leap, paid, PAYMENTS } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const actor = { type: 'system', id: 'test' } as const
const DAY_MS = 24 * 3_600_000
const { identity, db, ledger } = world.app

const terms = (change: object): Promise<unknown> =>
  db.transaction((tx) => identity.setSettlement(tx, { merchantId: world.merchantId, ...change }, actor))
const balance = async (): Promise<any> => {
  const { body } = await world.api('GET', '/api/v1/balance?currency=KES')
  return [body.balances[0].available, body.balances[0].pending, body.balances[0].debt]
}
const settlements = async (query = ''): Promise<any[]> =>
  (await world.api('GET', `/api/v1/settlements${query}`)).body.data
const fees = async (): Promise<bigint> => (await ledger.balance(db, 'desk:fees', assetOf('KES'))).posted

void test('without settlement terms all money is available at once', async () => {
  await paid(world)
  assert.deepEqual(await balance(), ['1500.00', '0.00', '0.00'])
  assert.deepEqual(await settlements(), [])
})

void test('hold days keep money pending; then the fee is deducted and the rest becomes available, once', async () => {
  await using receiver = await openReceiver()
  await world.api('POST', '/api/v1/webhook-endpoints', { url: receiver.url, events: ['settlement.*'] })
  await terms({ holdDays: 3, feeBps: 250, feeFixed: { KES: '10.00' } })
  const payment = await paid(world, { amount: '1000.00' })
  assert.equal(payment.status, 'paid')
  assert.deepEqual(await balance(), ['1500.00', '1000.00', '0.00'])
  const [waiting] = await settlements('?status=pending')
  assert.deepEqual(
    [waiting.payment, waiting.amount, waiting.fee, waiting.net, waiting.settled_at],
    [payment.id, '1000.00', '35.00', '965.00', null],
  )
  await terms({ holdDays: 0, feeBps: 9000 })
  await leap(world, 3 * DAY_MS - 60_000)
  assert.deepEqual(await balance(), ['1500.00', '1000.00', '0.00'], 'not a minute early')
  await leap(world, 60_000)
  assert.deepEqual(await balance(), ['2465.00', '0.00', '0.00'], 'by the terms at the time of receipt')
  assert.equal(await fees(), 3500n)
  await leap(world, 10 * DAY_MS)
  assert.deepEqual(await balance(), ['2465.00', '0.00', '0.00'])
  const sent = receiver.received.map(({ event: { type, data } }) => [type, data.object.id, data.object.net])
  assert.deepEqual(sent, [
    ['settlement.created', waiting.id, '965.00'],
    ['settlement.completed', waiting.id, '965.00'],
  ])
  await assertBooksHold(world)
})

void test('a refund before the settlement is reported too', async () => {
  await using receiver = await openReceiver()
  const endpoint = { url: receiver.url, events: ['settlement.*'] }
  const { body: made } = await world.api('POST', '/api/v1/webhook-endpoints', endpoint)
  await terms({ holdDays: 3, feeBps: 0, feeFixed: {} })
  const { id } = await paid(world, { amount: '200.00' })
  const refund = (amount: string) => world.api('POST', `${PAYMENTS}/${id}/refunds`, { amount, method: 'claim' })
  assert.equal((await refund('50.00')).status, 201)
  await world.advance(1000)
  assert.deepEqual(receiver.types(), ['settlement.created'], 'a part is still to be settled')
  assert.equal((await refund('150.00')).status, 201)
  await world.advance(1000)
  assert.deepEqual(receiver.types(), ['settlement.created', 'settlement.returned'])
  await world.api('DELETE', `/api/v1/webhook-endpoints/${made.id}`)
})

void test('a fee without hold days is deducted at once and never exceeds the receipt', async () => {
  await terms({ holdDays: 0, feeBps: 0, feeFixed: { KES: '40.00' } })
  const [before] = await balance()
  await paid(world, { amount: '100' })
  await paid(world, { amount: '5' })
  await world.advance(2000)
  const [now, pending] = await balance()
  assert.deepEqual([Number(now) - Number(before), pending], [60, '0.00'])
  const [small] = await settlements('?limit=1')
  assert.deepEqual([small.fee, small.net], ['5.00', '0.00'])
  await assertBooksHold(world)
})

void test('invalid terms and destinations are refused, and each change is audited', async () => {
  const { merchantId } = world
  for (const bad of [
    { holdDays: 400 },
    { holdDays: 1.5 },
    { feeBps: -1 },
    { feeBps: 10_001 },
    { feeFixed: { KEX: '1' } },
    { feeFixed: { KES: '-1' } },
  ])
    await assert.rejects(terms(bad), { code: 'identity.bad-input' }, JSON.stringify(bad))
  const path = '/api/v1/merchant/payout-destination'
  const mpesa = { kind: 'mpesa', phone: '254712345678' }
  assertRefused(await world.api('PUT', path, mpesa), { status: 403, code: 'forbidden', says: /destinations:write/ })
  const { secret } = await db.transaction((tx) =>
    identity.createKey(tx, { merchantId, name: 'owner', scopes: ['destinations:write'] }, actor),
  )
  const put = (body: object | null) =>
    world.api('PUT', path, JSON.stringify(body), {
      authorization: `Bearer ${secret}`,
      'content-type': 'application/json',
    })
  for (const [body, param] of [
    [{ kind: 'mpesa', phone: '0812345678' }, 'phone'],
    [{ kind: 'mpesa', phone: '+44 7911 123456' }, 'phone'],
    [{ kind: 'bank', bank: 'KCB', account: '12 34', holder: 'Asha' }, 'account'],
    [{ kind: 'bank', account: '1234567', holder: 'Asha' }, 'bank'],
  ] as const)
    assertRefused(await put(body), { status: 422, code: 'identity.bad-input', param })
  const { status, body } = await put({ kind: 'mpesa', phone: ' 0712 345\u2011678\u200B' })
  assert.deepEqual([status, body.payout_destination], [200, { kind: 'mpesa', ends: '…5678' }], JSON.stringify(body))
  assert.deepEqual(await identity.findDestination(db, merchantId), mpesa)
  const dump = await db.many<{ text: string }>(
    sql`select m::text as text from identity.merchants m union all select a::text from identity.audit a`,
  )
  assert.ok(
    dump.every(({ text }) => !text.includes('254712345678')),
    'not stored in plain text',
  )
  const { items } = await identity.audit.list(db, { limit: 1, action: 'identity.destination-set' })
  assert.deepEqual(items[0]?.detail, { before: 'none', after: 'mpesa …5678' })
  assert.equal((await put(null)).body.payout_destination, null)
})
