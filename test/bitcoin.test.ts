import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { rawSql as ownedUpdate } from '#platform/database/db'
import type { SetClock } from '#platform/base/clock'
import { openChainWorld, type ChainWorld } from './chain.ts'

/** Bitcoin payments through the whole program: amounts, parts and times. chain.test.ts covers reorgs. */
let world: ChainWorld
before(async () => {
  world = await openChainWorld()
})
after(() => world[Symbol.asyncDispose]())

const btc = (amount: string): object => ({ amount, currency: 'BTC', methods: ['bitcoin'] })
const kes = (amount: string): object => ({ amount, currency: 'KES', methods: ['bitcoin'] })
/** Adds satoshis to an amount such as `0.00100000`. */
const plus = (amount: string, sats: bigint): string => {
  const digits = (BigInt(amount.replace('.', '')) + sats).toString().padStart(9, '0')
  return `${digits.slice(0, -8)}.${digits.slice(-8)}`
}

test('exact payment: detected at once, paid when confirmed, and not expired meanwhile', async () => {
  const { id, address, uri, amount } = await world.invoice({ ...btc('0.00100000'), expires_in: 60 })
  assert.ok(uri.startsWith(`bitcoin:${address}?amount=0.001`), uri)
  assert.equal(amount, '0.00100000')
  await world.pay(uri)
  await world.poll()
  assert.deepEqual(await world.paymentState(id), ['processing', '0.00000000', ''])
  const [seen] = (await world.payment(id)).attempts[0].arrivals
  const { data: listed } = (await world.api('GET', '/api/v1/payments')).body
  assert.deepEqual(listed.find((each: { id: string }) => each.id === id).attempts[0].arrivals, [seen], 'also in lists')
  assert.deepEqual([seen.status, seen.confirmations, seen.confirmations_needed], ['seen', 0, 1])
  await world.jump(120_000)
  assert.deepEqual(
    await world.paymentState(id),
    ['processing', '0.00000000', ''],
    'expired, but the money is already detected',
  )
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00100000', ''])
  assert.equal((await world.payment(id)).attempts[0].payment_uri, null)
})

test('a price in shillings: the requested coins count for exactly the price, the rate is shown, and Purser keeps the coins', async () => {
  const had = await world.balance('KES')
  const { id, uri, amount } = await world.invoice(kes('1500.00'))
  const [{ rate, currency }] = (await world.payment(id)).attempts
  assert.deepEqual([currency, rate.base, rate.quote, rate.sources.length], ['BTC', 'BTC', 'KES', 3])
  assert.equal(new Date(rate.locked_until).getTime() - world.clock.now().getTime(), 15 * 60_000)
  const clearing = async (): Promise<bigint> =>
    (await world.app.ledger.balance(world.app.db, 'rail:bitcoin:main:clearing', 'BTC/8')).posted
  const held = await clearing()
  await world.pay(uri)
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '1500.00', ''])
  const [available] = await world.balance('KES')
  assert.equal(Number(available) - Number(had[0]), 1500)
  assert.equal(held - (await clearing()), BigInt(amount.replace('.', '')))
})

test('an underpayment, then the rest on the same address: the parts add up to the price, to the cent', async () => {
  const { id, address, amount } = await world.invoice(kes('999.99'))
  await world.pay(address, '0.00003333')
  await world.poll()
  const [first] = (await world.payment(id)).attempts
  assert.equal(first.amount_due, plus(amount, -3333n), 'the rest is requested before the first part is confirmed')
  await world.mine()
  const [status, received, flags] = await world.paymentState(id)
  assert.deepEqual([status, flags], ['open', 'partial'])
  assert.ok(Number(received) > 280 && Number(received) < 281, received)
  const again = await world.api('POST', `/api/v1/payments/${id}/attempts`, { method: 'bitcoin' })
  assert.deepEqual([again.body.id, again.body.address], [first.id, address])
  await world.pay(again.body.payment_uri)
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '999.99', ''])
})

test('three parts at once, one of them twice in a transaction: each is a separate receipt', async () => {
  const { id, address } = await world.invoice(btc('0.00100000'))
  const outputs = [
    { address, amount: '0.0002' },
    { address, amount: '0.0003' },
  ]
  await world.control('pay', { outputs })
  await world.pay(address, '0.0005')
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00100000', ''])
  assert.equal((await world.payment(id)).attempts[0].arrivals.length, 3)
})

test('one transaction pays two payments', async () => {
  const [one, two] = [await world.invoice(btc('0.00100000')), await world.invoice(kes('500.00'))]
  const outputs = [one, two].map(({ address, amount }) => ({ address, amount }))
  await world.control('pay', { outputs })
  await world.mine()
  assert.deepEqual(await world.paymentState(one.id), ['paid', '0.00100000', ''])
  assert.deepEqual(await world.paymentState(two.id), ['paid', '500.00', ''])
})

test('an overpayment is credited and flagged, also after the payment was paid', async () => {
  const { id, address } = await world.invoice(btc('0.00100000'))
  await world.pay(address, '0.00150000')
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00150000', 'overpaid'])
  await world.pay(address, '0.00010000')
  await world.poll()
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00150000', 'overpaid'])
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00160000', 'overpaid'])
})

test('without tolerance a satoshi less is partial and one more is overpaid; the amount due is never too small to send', async () => {
  const [under, over] = [await world.invoice(btc('0.00100000')), await world.invoice(btc('0.00100000'))]
  await world.pay(under.address, '0.00099999')
  await world.pay(over.address, '0.00100001')
  await world.mine()
  assert.deepEqual(await world.paymentState(under.id), ['open', '0.00099999', 'partial'])
  assert.equal((await world.payment(under.id)).attempts[0].amount_due, '0.00001000', 'the smallest amount of the rail')
  assert.deepEqual(await world.paymentState(over.id), ['paid', '0.00100001', 'overpaid'])
})

test('a merchant’s tolerance: paid at its limit, not paid one satoshi below', async () => {
  assert.equal((await world.api('PATCH', '/api/v1/merchant', { tolerance: '11' })).status, 422)
  const set = await world.api('PATCH', '/api/v1/merchant', { tolerance: '0.5' })
  assert.equal(set.body.tolerance, '0.5', JSON.stringify(set.body))
  const [edge, below] = [await world.invoice(btc('0.00100000')), await world.invoice(btc('0.00100000'))]
  await world.api('PATCH', '/api/v1/merchant', { tolerance: '0' })
  await world.pay(edge.address, '0.00099500')
  await world.pay(below.address, '0.00099499')
  await world.mine()
  assert.deepEqual(await world.paymentState(edge.id), ['paid', '0.00099500', ''], 'by the tolerance at creation')
  assert.equal((await world.payment(edge.id)).amount_due, '0.00000000')
  assert.deepEqual(await world.paymentState(below.id), ['open', '0.00099499', 'partial'])
})

test('detected after expiry: credited, paid, late', async () => {
  const { id, address } = await world.invoice({ ...btc('0.00100000'), expires_in: 60 })
  await world.jump(12 * 60_000)
  assert.equal((await world.payment(id)).status, 'expired')
  await world.pay(address, '0.00040000')
  await world.poll()
  assert.equal((await world.payment(id)).status, 'processing')
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['expired', '0.00040000', 'partial late'])
  await world.pay(address, '0.00060000')
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00100000', 'late'])
})

test('detected after the rate lock: counted at the arrival rate, and the rest is requested at a new rate', async () => {
  const { id, address, amount } = await world.invoice(kes('1500.00'))
  await world.jump(16 * 60_000)
  await world.api('POST', '/sandbox/prices', { 'BTC/USD': '32500.00' })
  await world.jump(130_000)
  await world.pay(address, amount)
  await world.poll()
  // A further rate change before confirmation does not matter.
  await world.api('POST', '/sandbox/prices', { 'BTC/USD': '65000.00' })
  await world.jump(130_000)
  await world.mine()
  const [status, received, flags] = await world.paymentState(id)
  assert.deepEqual([status, flags], ['open', 'partial'])
  assert.ok(Number(received) > 740 && Number(received) < 760, received)
  const renewed = await world.api('POST', `/api/v1/payments/${id}/attempts`, { method: 'bitcoin' })
  assert.equal(renewed.body.address, address)
  assert.notEqual(renewed.body.amount, amount)
  await world.pay(renewed.body.payment_uri)
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '1500.00', ''])
})

test('a spread is added to the requested amount, booked separately, and not counted', async () => {
  await using own = await openChainWorld({ env: { RATES_SPREAD_BPS: '200' } })
  const { id, uri, amount } = await own.invoice(kes('1500.00'))
  await own.pay(uri)
  await own.mine()
  assert.deepEqual(await own.paymentState(id), ['paid', '1500.00', ''])
  const posted = async (code: string): Promise<bigint> =>
    (await own.app.ledger.balance(own.app.db, code, 'BTC/8')).posted
  const [spread, liquidity] = [await posted('fx:spread'), await posted('fx:liquidity')]
  assert.equal(spread + liquidity, BigInt(amount.replace('.', '')))
  // Two hundredths, rounded up to a satoshi.
  assert.ok(spread * 50n - liquidity < 50n && spread * 50n >= liquidity, `${spread} of ${liquidity}`)
})

test('no fresh rate: the attempt is refused with the failed sources, and no address is allocated', async () => {
  await using own = await openChainWorld()
  const made = await own.api('POST', '/api/v1/payments', { ...kes('1500.00'), expires_in: 7200 })
  for (const source of ['coingecko', 'coinbase', 'kraken'])
    await own.api('POST', `/sandbox/${source}/faults`, { kind: 'down', count: 100_000 })
  await own.jump(15 * 60_000)
  const refused = await own.api('POST', `/api/v1/payments/${made.body.id}/attempts`, { method: 'bitcoin' })
  assert.deepEqual([refused.status, refused.body.error.code], [503, 'rates.unavailable'])
  assert.match(refused.body.error.message, /CoinGecko.*Coinbase.*Kraken/)
  assert.deepEqual((await own.payment(made.body.id)).attempts, [])
  // Payments that need no rate continue.
  await own.invoice(btc('0.00100000'))
  for (const source of ['coingecko', 'coinbase', 'kraken'])
    await own.api('POST', `/sandbox/${source}/faults`, { kind: 'down', count: 0 })
  await own.jump(130_000)
  const begun = await own.api('POST', `/api/v1/payments/${made.body.id}/attempts`, { method: 'bitcoin' })
  assert.equal(begun.status, 201, JSON.stringify(begun.body))
})

test('mined dust counts, and a block reward counts when it matures', async () => {
  await using own = await openChainWorld()
  const { id, address } = await own.invoice(btc('0.00100000'))
  assert.match(await own.refusal('pay', { address, amount: '0.00000293' }), /dust/)
  await own.pay(address, '0.00000293', { mined: true })
  await own.poll()
  assert.deepEqual(await own.paymentState(id), ['open', '0.00000293', 'partial'])
  await own.control('mine', { address })
  await own.mine(98)
  assert.deepEqual(await own.paymentState(id), ['processing', '0.00000293', 'partial'])
  await own.mine()
  assert.deepEqual(await own.paymentState(id), ['paid', '50.00000293', 'overpaid'])
})

test('an old address is still polled once a day', async () => {
  await using own = await openChainWorld()
  const { id, address } = await own.invoice({ ...btc('0.00100000'), expires_in: 60 })
  await own.advance(60_000)
  await own.database.owner.run(
    // Simulates that weeks have passed.
    ownedUpdate(`update payments.attempts set watch_until = now() - interval '30 years'`),
  )
  await own.jump(11 * 60_000)
  await own.pay(address, '0.00100000')
  await own.mine()
  assert.equal((await own.payment(id)).status, 'expired')
  await own.control('mine', { blocks: 200 })
  await own.jump(24 * 3_600_000)
  assert.deepEqual(await own.paymentState(id), ['paid', '0.00100000', 'late'], 'for any number of blocks per day')
})

test('after days of downtime, payments during and before the downtime are found', async () => {
  await using own = await openChainWorld()
  const { id, address } = await own.invoice({ ...btc('0.00100000'), expires_in: 60 })
  const old = await own.invoice({ ...btc('0.00200000'), expires_in: 60 })
  await own.poll()
  // Nothing runs while the clock advances.
  const off = (ms: number): void => (own.clock as SetClock).advance(ms)
  off(20_000)
  await own.pay(address, '0.00100000')
  await own.control('mine')
  off(3 * 24 * 3_600_000)
  for (let i = 0; i < 3; i++) await own.control('mine', { blocks: 150 })
  await own.pay(old.address, '0.00200000')
  await own.control('mine', { blocks: 7 })
  // Disable the daily comparison, which would also find it.
  await own.database.owner.run(
    ownedUpdate(`create function payments.none() returns trigger language plpgsql as 'begin return null; end';
      create trigger none before insert on reconciliation.runs for each row execute function payments.none()`),
  )
  for (let i = 0; i < 8; i++) await own.poll()
  assert.equal((await own.payment(id)).amount_received, '0.00100000')
  assert.equal((await own.payment(old.id)).amount_received, '0.00200000')
})

test('a payment that fails to process does not block others, and the daily comparison finds it', async () => {
  await using own = await openChainWorld()
  const [bad, good] = [await own.invoice(btc('0.00100000')), await own.invoice(btc('0.00100000'))]
  const setExchange = (value: string) =>
    own.database.owner.run(
      ownedUpdate(`update payments.attempts set exchange = ${value} where intent_id = '${bad.id}'`),
    )
  await setExchange(`'{"quoteId": 7}'`)
  await own.pay(bad.address, '0.00100000')
  await own.pay(good.address, '0.00100000')
  await own.mine()
  assert.deepEqual(await own.paymentState(good.id), ['paid', '0.00100000', ''])
  await setExchange('null')
  assert.equal((await own.payment(bad.id)).amount_received, '0.00000000')
  const later = await own.invoice(btc('0.00100000'))
  await own.pay(later.address, '0.00100000')
  await own.mine(3)
  assert.deepEqual(await own.paymentState(later.id), ['paid', '0.00100000', ''], 'polling continued')
  await own.jump(28 * 3_600_000)
  assert.equal((await own.payment(bad.id)).amount_received, '0.00100000')
})

test('the merchant gets events: processing, partially paid, paid and overpaid', async () => {
  const { id, address } = await world.invoice(btc('0.00100000'))
  const changes: string[] = []
  const note = async (): Promise<void> => void changes.push((await world.payment(id)).status)
  for (const amount of ['0.0004', '0.0006', '0.0001']) {
    await world.pay(address, amount)
    await world.poll()
    await note()
    await world.mine()
    await note()
  }
  assert.deepEqual(changes, ['processing', 'open', 'processing', 'paid', 'paid', 'paid'])
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00110000', 'overpaid'])
})
