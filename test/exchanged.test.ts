import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertBooksHold, assertRefused } from './api/shop.ts'
import { openChainWorld, type ChainWorld } from './chain.ts'

/** Payments in Bitcoin with a price in shillings: without a rate, and refunded. */

const PRICED = { amount: '1500.00', currency: 'KES', methods: ['bitcoin'] }
const SOURCES = ['coingecko', 'coinbase', 'kraken']

const faults = async (world: ChainWorld, count: number): Promise<void> => {
  for (const source of SOURCES) await world.api('POST', `/sandbox/${source}/faults`, { kind: 'down', count })
}

const FORM = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' }

void test('late money without a current rate: credited at the promised rate, visible, and refundable', async () => {
  await using world = await openChainWorld()
  const { id, uri } = await world.invoice({ ...PRICED, expires_in: 600 })
  const [{ rate: promised }] = (await world.payment(id)).attempts
  await faults(world, 100_000)
  await world.jump(60 * 60_000)
  assert.equal((await world.payment(id)).status, 'expired')
  await world.pay(uri)
  await world.poll()
  const seen = await world.payment(id)
  assert.deepEqual([seen.status, seen.attempts[0].arrivals[0].status], ['processing', 'seen'])
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '1500.00', 'late'], 'the payment does not wait indefinitely')
  const paid = await world.payment(id)
  assert.equal(paid.attempts[0].arrivals[0].status, 'final')
  assert.deepEqual(paid.attempts[0].rate, promised)
  assert.ok(
    world.log.entries.some((line) => JSON.stringify(line).includes('no rate available for a deposit')),
    'the log reports it',
  )
  const { status, body } = await world.api('POST', `/api/v1/payments/${id}/refunds`, {})
  assert.deepEqual([status, body.status, body.amount, body.currency], [201, 'claimable', '1500.00', 'KES'])
  await assertBooksHold(world)
})

void test('exchanged money is refunded by a link in the payment’s currency; a refund at the current rate is refused with the reason', async () => {
  await using world = await openChainWorld()
  const { id, uri } = await world.invoice(PRICED)
  await world.pay(uri)
  await world.mine()
  const refund = (body: object) => world.api('POST', `/api/v1/payments/${id}/refunds`, body)
  assertRefused(await refund({ amount: '500.00', amount_basis: 'current_rate' }), {
    status: 409,
    code: 'payments.refund-rate',
    param: 'amount_basis',
    says: /refunded in its own currency/,
  })
  assert.deepEqual((await world.balance('KES'))[0], '1500.00', 'a refused refund holds no money')
  for (const basis of ['paid_rate', 'fiat']) {
    const { status, body } = await refund({ amount: '500.00', amount_basis: basis })
    assert.deepEqual([status, body.status, body.amount, body.amount_basis], [201, 'claimable', '500.00', basis])
    const url = new URL(body.claim_url)
    const say = (step: string) =>
      world.api(
        'POST',
        url.pathname,
        new URLSearchParams({
          c: url.searchParams.get('c') ?? '',
          place: 'hand',
          to: 'Equity 0123, Jane',
          step,
        }).toString(),
        FORM,
      )
    assert.match(
      (await say('preview')).body,
      /Is this right\?[^]*Equity 0123, Jane[^]*KES.500/,
      'detected before confirmation',
    )
    assert.equal((await say('confirm')).status, 303)
  }
  const waiting = await world.app.payments.refunds.listWaiting(world.app.db)
  assert.equal(waiting.length, 2)
  for (const { refund: one } of waiting)
    await world.app.payments.refunds.resolve({ id: one.id, sent: { number: `FT-${one.id}` }, why: '' })
  const payment = await world.payment(id)
  assert.deepEqual([payment.status, payment.amount_refunded], ['paid', '1000.00'])
  assert.deepEqual(await world.balance('KES'), ['500.00', '0.00'])
  assert.equal((await refund({})).body.amount, '500.00')
  assertRefused(await refund({}), { status: 409, code: 'payments.nothing-to-refund' })
  await assertBooksHold(world)
})
