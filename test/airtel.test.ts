import assert from 'node:assert/strict'
import { test } from 'node:test'
import { create, find, ledgerBalance, PAYMENTS } from './api/shop.ts'
import { assertAtRest, assertFailed, assertPaidOnce, countPrompts, receiptsOf } from './outcome.ts'
import { openWorld, type World } from './world.ts'

/** Airtel's test phones behave like M-Pesa's where Airtel supports it. Checks each through the whole program. */

async function payFrom(world: World, phone: string): Promise<{ id: string; attempt: any }> {
  const { id } = await create(world, { expires_in: 24 * 3600 })
  const { status, body } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'airtel', phone })
  assert.equal(status, 201, JSON.stringify(body))
  return { id, attempt: body }
}

/** Phones that pay, with the maximum seconds until the payment is paid. */
const PAYS = [
  ['254730000001', 3, 'pays'],
  ['254730000005', 60, 'pays, and the callback is lost'],
  ['254730000006', 5, 'pays, and three callbacks arrive at once'],
  ['254730000007', 3, 'pays before the response to the push'],
  ['254730000008', 5, 'pays, and the response to the push is lost'],
  ['254730000010', 90, 'pays, and the enquiry has no result for a while'],
  ['254730000011', 60, 'pays, and the response and the callback are lost: found by Purser’s id'],
] as const

for (const [phone, seconds, does] of PAYS) {
  void test(`…${phone.slice(-3)} ${does}`, async () => {
    await using world = await openWorld()
    const { id, attempt } = await payFrom(world, phone)
    assert.ok(['pending', 'unknown', 'settled'].includes(attempt.status), attempt.status)
    await world.advance(seconds * 1000)
    await assertPaidOnce(world, id)
    assert.deepEqual(await receiptsOf(world, id), { count: 1, numbers: 1 }, 'the enquiry returns the receipt number')
    assert.equal(await countPrompts(world, phone), 1, 'the prompt was never repeated')
    await assertAtRest(world, id)
  })
}

const FAILS = [
  ['254730000002', 3, 'insufficient-funds'],
  ['254730000003', 3, 'canceled-by-payer'],
  ['254730000004', 120, 'no-response'],
] as const

for (const [phone, seconds, reason] of FAILS) {
  void test(`…${phone.slice(-3)} fails: ${reason}`, async () => {
    await using world = await openWorld()
    const { id } = await payFrom(world, phone)
    await world.advance(seconds * 1000)
    await assertFailed(world, id, reason)
    await assertAtRest(world, id)
  })
}

void test('with Airtel down and response and callback lost, the money is found after recovery', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254730000011')
  assert.equal(attempt.status, 'unknown')
  await world.api('POST', '/sandbox/airtel/faults', { kind: 'invalid-json', count: 30 })
  await world.advance(4 * 60_000)
  assert.equal((await find(world, id)).status, 'open', 'the payer can try again')
  await world.jump(40 * 60_000)
  for (let i = 0; i < 40 && (await find(world, id)).status !== 'paid'; i++) await world.jump(60 * 60_000)
  await assertPaidOnce(world, id)
  await assertAtRest(world, id)
})

void test('a forged callback is refused and credits nothing', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254733123456')
  const transaction = { id: attempt.id.replace('_', ''), message: 'Paid', status_code: 'TS', airtel_money_id: 'MP1' }
  const body = { transaction, hash: 'zITVAAGYSlzl1WkUQJn81kbpT5drH3koffT8jCkcJJA=' }
  const { status } = await world.api('POST', '/api/webhook/airtel', body)
  assert.equal(status, 401)
  await world.advance(2000)
  assert.equal((await find(world, id)).status, 'processing')
  assert.equal(await ledgerBalance(world), '0.00')
})
