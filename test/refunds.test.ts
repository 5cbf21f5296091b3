import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import { create, find, ledgerBalance, PAYMENTS, start } from './api/shop.ts'
import { openWorld, type World } from './world.ts'

/** Refunds to phones: lost and repeated results, and forged callbacks. */

async function paidBy(world: World, phone: string): Promise<string> {
  const { id } = await create(world, { amount: '500.00' })
  await start(world, id, phone)
  await world.advance(3000)
  assert.equal((await find(world, id)).status, 'paid', phone)
  return id
}

async function refund(world: World, payment: string, body: object = {}): Promise<any> {
  const answer = await world.api('POST', `${PAYMENTS}/${payment}/refunds`, body)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}

/** Advances the clock in one step and runs what is due. */
async function leap(world: World, minutes: number): Promise<void> {
  const clock = world.clock as typeof world.clock & { advance(ms: number): void }
  clock.advance(minutes * 60_000)
  await world.app.jobs.runDue()
  await world.advance(3000)
}

const getRefund = async (world: World, id: string): Promise<any> =>
  (await world.api('GET', `/api/v1/refunds/${id}`)).body

/** Returns the shillings sent to phones. */
const sent = async (world: World): Promise<bigint> =>
  (
    await world.app.db.one<{ sum: bigint }>(
      sql`select coalesce(sum(shillings), 0) as sum from sandbox.payouts where result_code = '0'`,
    )
  ).sum

const ARRIVES = ['254700000001', '254700000013', '254700000014', '254700000015', '254700000017']
for (const phone of ARRIVES) {
  void test(`a refund to ${phone} arrives once and is counted once`, async () => {
    await using world = await openWorld()
    const payment = await paidBy(world, phone)
    const made = await refund(world, payment, { amount: '200.00' })
    assert.deepEqual([made.status, made.method, made.destination], ['pending', 'mpesa', `2547*****${phone.slice(-3)}`])
    await world.advance(13_000)
    if (phone === '254700000014') await leap(world, 1)
    const done = await getRefund(world, made.id)
    assert.equal(done.status, 'succeeded', JSON.stringify(done))
    assert.match(done.number, /^S\w{9}$/)
    assert.deepEqual([await sent(world), await ledgerBalance(world)], [200n, '300.00'])
    assert.equal((await find(world, payment)).amount_refunded, '200.00')
    for (let i = 0; i < 3; i++) await leap(world, 20)
    assert.equal(await sent(world), 200n, 'the payout is never repeated')
    assert.deepEqual(await world.broken(), [])
  })
}

for (const phone of ['254700000012', '254700000016']) {
  void test(`a refund to ${phone} does not arrive, and the money returns to the merchant`, async () => {
    await using world = await openWorld()
    const payment = await paidBy(world, phone)
    const { id } = await refund(world, payment)
    assert.equal((await world.api('GET', '/api/v1/balance')).body.balances[0].available, '0.00')
    await world.advance(8000)
    assert.deepEqual([(await getRefund(world, id)).status, await ledgerBalance(world)].slice(0, 1), [
      phone === '254700000012' ? 'failed' : 'pending',
    ])
    for (const minutes of [1, 1, 5, 15, 15]) await leap(world, minutes)
    const { status, failure } = await getRefund(world, id)
    assert.deepEqual([status, failure], ['failed', 'provider-rejected'])
    assert.deepEqual([await sent(world), await ledgerBalance(world)], [0n, '500.00'])
    assert.equal((await find(world, payment)).amount_refunded, '0.00')
    assert.deepEqual(await world.broken(), [])
  })
}

void test('a forged result releases nothing: the provider is queried, and only the query’s callback path is trusted', async () => {
  await using world = await openWorld()
  const payment = await paidBy(world, '254700000013')
  const { id } = await refund(world, payment)
  const { resultUrl } = await world.app.db.one<{ resultUrl: string }>(
    sql`select result_url as "resultUrl" from sandbox.payouts where id = ${`${id}-1`}`,
  )
  const path = new URL(resultUrl).pathname
  const post = (to: string, Result: object): Promise<{ status: number }> => world.api('POST', to, { Result })
  const failed = { ResultCode: 2001, OriginatorConversationID: `${id}-1` }
  assert.equal((await post(path, failed)).status, 200, 'the response reveals no more than Safaricom gets')
  for (const forged of [path.replace('-result.', '-status.'), path.replace('-1-', '-2-'), `${path.slice(0, -1)}x`])
    assert.equal((await post(forged, failed)).status, 401)
  assert.equal((await post(path, { ...failed, OriginatorConversationID: 're_x-1' })).status, 200)
  await world.advance(500)
  assert.equal((await getRefund(world, id)).status, 'pending')
  await world.advance(15_000)
  assert.deepEqual([(await getRefund(world, id)).status, await sent(world)], ['succeeded', 500n])
  await post(path, failed)
  await world.advance(15_000)
  assert.deepEqual([(await getRefund(world, id)).status, await ledgerBalance(world)], ['succeeded', '0.00'])
  assert.deepEqual(await world.broken(), [])
})

void test('cents cannot go to a phone: the refund uses a link and is paid manually', async () => {
  await using world = await openWorld()
  const payment = await paidBy(world, '254700000001')
  const { status, claim_url: url } = await refund(world, payment, { amount: '10.50' })
  assert.equal(status, 'claimable')
  const { body } = await world.api('GET', new URL(url).pathname + new URL(url).search)
  assert.doesNotMatch(body, /type="tel"/)
  assert.match(body, /Account to receive the money/)
})
