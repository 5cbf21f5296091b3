import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { assetOf, money, currencyOf, scaleOf, type Money } from '#money'
import type { Collect, CollectRequest, Fact, InboundRequest, Rail, RefundFact } from '#rails/contract'
import fc from 'fast-check'
import { addMs } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import { openRailBench, type RailBench } from '../../../test/rails.ts'
import { refOf } from '../suites/collect.ts'
import { assets, fromStripe, limitsOf, toStripe } from './amounts.ts'
import { keyProblem } from './config.ts'
import { parseRefunds } from './refund.ts'
import { parseFacts } from './facts.ts'
import { createStripeRail, stripeConfig } from './index.ts'

const receivedAt = new Date('2026-01-15T09:00:00Z')
const ATTEMPT = 'att_01kd3v0000000000000000000a'

function railOf(
  { clock, fetch, settings }: RailBench,
  mode: Mode = 'sandbox',
  changed: Record<string, string | undefined> = {},
): Rail {
  const config = settings(stripeConfig, mode, changed)
  return createStripeRail({ mode, fetch, clock, config: () => config })
}

function collectOf(rail: Rail): Collect {
  assert.ok(rail.collect)
  return rail.collect
}

function requestFor({ ids, clock, receiver }: RailBench, changed: Partial<CollectRequest> = {}): CollectRequest {
  return {
    attemptId: ids.next('att'),
    intentId: ids.next('pay'),
    amount: money(assetOf('USD'), 1999n),
    payer: {},
    merchantName: 'Mama Njeri',
    description: '',
    callbackUrl: receiver.url,
    returnUrl: `${receiver.url}/pay/x`,
    expiresAt: addMs(clock.now(), 3_600_000),
    ...changed,
  }
}

async function expiryOf({ fetch, simulators }: RailBench, id: string): Promise<unknown> {
  const url = `${simulators.url}/sandbox/stripe/v1/checkout/sessions/${id}`
  const answer = await fetch({ url, headers: { authorization: 'Bearer sk_test_sandbox' }, label: 'test' })
  return (answer.json() as { expires_at: unknown }).expires_at
}

test('a session expires with the payment, within the limits of Stripe', async () => {
  await using bench = await openRailBench()
  const minutes = [
    [5, 35],
    [60, 60],
    [3 * 24 * 60, 24 * 60 - 5],
  ] as const
  for (const [asked, given] of minutes) {
    const expiresAt = addMs(bench.clock.now(), asked * 60_000)
    const started = await collectOf(railOf(bench)).start(requestFor(bench, { expiresAt }))
    assert.ok(started.kind === 'pending' && started.reference, JSON.stringify(started))
    assert.equal(await expiryOf(bench, started.reference), Math.floor(bench.clock.now().getTime() / 1000) + given * 60)
  }
})

test('after a lost response the identical request is sent again, however late, and creates no second session', async () => {
  await using bench = await openRailBench()
  const rail = railOf(bench)
  const request = requestFor(bench)
  const createdAt = bench.clock.now()
  const started = await collectOf(rail).start(request)
  const references = new Set(['reference' in started ? started.reference : started.kind])
  for (const waitMs of [1000, 600_000, 3_000_000]) {
    bench.clock.advance(waitMs)
    const found = await collectOf(rail).check(refOf(request, createdAt))
    references.add('reference' in found ? found.reference : found.kind)
  }
  assert.equal(references.size, 1)
  assert.match(String([...references][0]), /^cs_test_/)
  bench.clock.advance(24 * 3_600_000)
  assert.equal((await collectOf(rail).check(refOf(request, createdAt))).kind, 'failed')
})

test('an unpaid session fails as expired, by polling and by event', async () => {
  await using bench = await openRailBench()
  const rail = railOf(bench)
  const request = requestFor(bench)
  const createdAt = bench.clock.now()
  const started = await collectOf(rail).start(request)
  bench.clock.advance(3_700_000)
  await bench.simulators.runDue()
  const checked = await collectOf(rail).check(refOf(request, createdAt, started))
  assert.equal(checked.kind === 'failed' && checked.reason, 'expired')
  const [event] = bench.receiver.received
  assert.ok(event)
  const facts = parseFacts({ rawBody: event.body, tokenAttemptId: undefined, receivedAt })
  assert.equal(facts[0]?.outcome.kind, 'failed')
  assert.equal(facts[0].needsCheck, true)
})

test('a closed session can no longer be paid; closing again changes nothing', async () => {
  await using bench = await openRailBench()
  const collect = collectOf(railOf(bench))
  const request = requestFor(bench)
  const createdAt = bench.clock.now()
  const started = await collect.start(request)
  for (let i = 0; i < 2; i++) await collect.close?.(refOf(request, createdAt, started))
  const checked = await collect.check(refOf(request, createdAt, started))
  assert.equal(checked.kind === 'failed' && checked.reason, 'expired')
})

test('live mode accepts live objects only, other modes accept test objects only', async () => {
  await using bench = await openRailBench()
  const request = requestFor(bench)
  const createdAt = bench.clock.now()
  const live = railOf(bench, 'live')
  const started = await collectOf(live).start(request)
  assert.equal(started.kind, 'pending')
  assert.match('reference' in started ? (started.reference ?? '') : '', /^cs_live_/)
  const config = bench.settings(stripeConfig, 'sandbox')
  const confused = createStripeRail({ mode: 'live', fetch: bench.fetch, clock: bench.clock, config: () => config })
  assert.match(confused.unavailable() ?? '', /test key with PURSER_MODE=live/)
  assert.equal((await collectOf(confused).start(request)).kind, 'failed')
  assert.equal((await collectOf(confused).check(refOf(request, createdAt, started))).kind, 'unknown')
  const foreign = await collectOf(railOf(bench)).check(refOf(request, createdAt, started))
  assert.equal(foreign.kind === 'unknown' && foreign.why, 'the session belongs to live mode')
})

test('the session of another attempt proves nothing', async () => {
  await using bench = await openRailBench()
  const rail = railOf(bench)
  const started = await collectOf(rail).start(requestFor(bench))
  const other = requestFor(bench)
  const outcome = await collectOf(rail).check(refOf(other, bench.clock.now(), started))
  assert.equal(outcome.kind === 'unknown' && outcome.why, 'the session belongs to another attempt')
})

test('keys belong to their mode', () => {
  assert.equal(keyProblem('sk_live_x', 'live'), undefined)
  assert.equal(keyProblem('rk_test_x', 'sandbox'), undefined)
  assert.match(keyProblem('sk_test_x', 'live') ?? '', /set a key that starts with sk_live_/)
  assert.match(keyProblem('sk_live_x', 'test') ?? '', /set a key that starts with sk_test_/)
})

const SECRET = 'whsec_sandbox'
function signed(body: string, at: Date, secret = SECRET): InboundRequest {
  const seconds = Math.floor(at.getTime() / 1000)
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  const headers = { 'stripe-signature': `t=${seconds},v1=${mac}` }
  return { headers, rawBody: Buffer.from(body), tokenAttemptId: undefined, now: receivedAt }
}
const event = (type: string, object: object, more: object = {}): string =>
  JSON.stringify({
    id: 'evt_1',
    object: 'event',
    type,
    livemode: false,
    created: 1768467600,
    data: { object, ...more },
  })

test('a webhook needs a fresh signature with the right secret, of this mode', async () => {
  await using bench = await openRailBench()
  const rail = railOf(bench)
  const verify = (request: InboundRequest): boolean => rail.webhook?.verify(request).ok === true
  const body = event('charge.succeeded', { id: 'ch_1', object: 'charge' })
  assert.deepEqual(rail.webhook?.verify(signed(body, receivedAt)), { ok: true, eventId: 'evt_1' })
  assert.ok(verify(signed(body, addMs(receivedAt, -300_000))))
  assert.ok(!verify(signed(body, addMs(receivedAt, -301_000))), 'too old')
  assert.ok(!verify(signed(body, addMs(receivedAt, 301_000))), 'from the future')
  assert.ok(!verify(signed(body, receivedAt, 'whsec_other')), 'another secret')
  assert.ok(
    !verify({ ...signed(body, receivedAt), rawBody: Buffer.from(body.replace('ch_1', 'ch_2')) }),
    'another body',
  )
  assert.ok(!verify(signed(body.replace('"livemode":false', '"livemode":true'), receivedAt)), 'of live mode')
  const off = railOf(bench, 'sandbox', { STRIPE_WEBHOOK_SECRET: undefined })
  const verdict = off.webhook?.verify(signed(body, receivedAt))
  assert.equal(verdict?.ok === false && verdict.status, 404)
  assert.equal(off.unavailable(), undefined)
})

const factsOf = (body: string): readonly Fact[] =>
  parseFacts({ rawBody: Buffer.from(body), tokenAttemptId: undefined, receivedAt })
const tags = { purser_attempt: ATTEMPT, purser_intent: 'pay_1' }
const charge = { id: 'ch_1', object: 'charge', currency: 'usd', metadata: tags }

const refundFacts = (type: string, object: object): readonly RefundFact[] =>
  parseRefunds({ rawBody: Buffer.from(event(type, object)), tokenAttemptId: undefined, receivedAt })
const REFUND = 're_01kd3v0000000000000000000a'

test('a refund event states the refund, its receipt and its state', () => {
  const refund = {
    id: 're_1',
    object: 'refund',
    amount: 500,
    currency: 'usd',
    charge: 'ch_1',
    metadata: { purser_refund: REFUND },
  }
  const outcomes = ['succeeded', 'pending', 'requires_action', 'failed', 'canceled', 'novel'].map((status) => {
    const [fact] = refundFacts('refund.updated', { ...refund, status })
    assert.ok(fact?.kind === 'observed')
    assert.deepEqual([fact.refund.reference, fact.refund.refundId, fact.refund.receiptId], ['re_1', REFUND, 'ch_1'])
    assert.deepEqual(fact.refund.amount, money(assetOf('USD'), 500n))
    return fact.refund.outcome.kind
  })
  assert.deepEqual(outcomes, ['succeeded', 'pending', 'pending', 'failed', 'failed', 'unknown'])
  const [dashboardRefund] = refundFacts('refund.created', { ...refund, status: 'succeeded', metadata: {} })
  assert.ok(dashboardRefund?.kind === 'observed')
  assert.equal(dashboardRefund.refund.refundId, undefined)
  assert.deepEqual(refundFacts('refund.created', { ...refund, charge: null, status: 'succeeded' }), [])
  assert.deepEqual(refundFacts('charge.refunded', charge), [{ kind: 'changed', receiptId: 'ch_1' }])
  assert.deepEqual(refundFacts('charge.refunded', { ...charge, metadata: {} }), [])
  assert.deepEqual(factsOf(event('charge.refunded', charge)), [])
})

test('a dispute reverses the money once, an inquiry reverses nothing, and a won dispute returns it', () => {
  const dispute = { id: 'du_1', object: 'dispute', charge: 'ch_1', amount: 1999, currency: 'usd', reason: 'fraudulent' }
  const say = (type: string, status: string): Fact | undefined => factsOf(event(type, { ...dispute, status }))[0]
  const created = say('charge.dispute.created', 'needs_response')
  assert.deepEqual(created?.about, { receiptId: 'ch_1' })
  assert.deepEqual(say('charge.dispute.closed', 'lost')?.outcome, created.outcome)
  assert.equal(say('charge.dispute.created', 'warning_needs_response'), undefined)
  const won = say('charge.dispute.closed', 'won')
  assert.ok(won?.outcome.kind === 'received')
  const [back] = won.outcome.receipts
  assert.deepEqual([back?.id, back?.gross.amount, back?.returns], ['du_1:won', 1999n, 'du_1'])
})

test('an inquiry that becomes a dispute reverses the money, whichever event arrives first', () => {
  const dispute = { id: 'du_1', object: 'dispute', charge: 'ch_1', amount: 1999, currency: 'usd', reason: 'fraudulent' }
  const say = (type: string, status: string): Fact | undefined =>
    factsOf(event(`charge.dispute.${type}`, { ...dispute, status }))[0]
  assert.equal(say('updated', 'warning_under_review'), undefined)
  assert.equal(say('closed', 'warning_closed'), undefined)
  const taken = say('created', 'needs_response')?.outcome
  assert.equal(taken?.kind, 'reversed')
  assert.deepEqual(say('updated', 'needs_response')?.outcome, taken)
  assert.deepEqual(say('funds_withdrawn', 'needs_response')?.outcome, taken)
  const won = say('closed', 'won')?.outcome
  assert.equal(won?.kind, 'received')
  assert.deepEqual(say('updated', 'won')?.outcome, won)
  assert.deepEqual(say('funds_reinstated', 'won')?.outcome, won)
})

test('a declined card is reported and the attempt stays pending; events of other programs are ignored', () => {
  const failed = (metadata: object): readonly Fact[] =>
    factsOf(
      event('payment_intent.payment_failed', {
        id: 'pi_1',
        object: 'payment_intent',
        metadata,
        last_payment_error: { code: 'card_declined', decline_code: 'insufficient_funds' },
      }),
    )
  assert.deepEqual(failed(tags), [
    { about: { attemptId: ATTEMPT }, outcome: { kind: 'pending', declined: 'insufficient-funds' }, needsCheck: false },
  ])
  assert.deepEqual(failed({}), [])
  const session = { id: 'cs_1', object: 'checkout.session', client_reference_id: ATTEMPT }
  assert.equal(factsOf(event('checkout.session.completed', { ...session, metadata: tags })).length, 1)
  assert.equal(factsOf(event('checkout.session.completed', { ...session, metadata: {} })).length, 0)
  assert.equal(factsOf(event('customer.created', { object: 'customer' })).length, 0)
})

test('the currencies that Stripe charges in are known and payable', () => {
  const payable = new Set(assets.map(currencyOf))
  assert.equal(payable.size, 140)
  const before = 'CNY IDR ILS MWK MZN PHP PKR SAR UAH VND TWD BGN CLP COP ISK KWD MAD MGA PEN QAR STD UYU XCG'
  for (const code of before.split(' ')) assert.ok(payable.has(code), code)
  assert.ok(!payable.has('GHS'), 'Stripe does not charge in GHS')
})

test('amounts convert to Stripe’s scale and back, and Stripe supports every amount within the limits', () => {
  fc.assert(
    fc.property(fc.constantFrom(...assets), fc.bigInt({ min: 0n, max: 10n ** 13n }), (asset, asked) => {
      const { min, max, step } = limitsOf(asset)
      assert.ok(min > 0n && min % step === 0n && max % step === 0n, asset)
      const amount = ((asked % (max - min)) / step) * step + min
      const written = toStripe(money(asset, amount))
      assert.deepEqual(fromStripe(written), money(asset, amount), asset)
      assert.ok(written.amount > 0n && written.amount <= 999_999_999_999n, asset)
      if (scaleOf(asset) === 3) assert.equal(written.amount % 10n, 0n, asset)
    }),
  )
})

test('Stripe’s special cases', () => {
  assert.deepEqual(toStripe(money('UGX/0', 5000n)), { amount: 500_000n, currency: 'ugx' })
  assert.deepEqual(toStripe(money('ISK/0', 5n)), { amount: 500n, currency: 'isk' })
  assert.deepEqual(toStripe(money('JPY/0', 500n)), { amount: 500n, currency: 'jpy' })
  assert.deepEqual(toStripe(money('MGA/2', 500_000n)), { amount: 5000n, currency: 'mga' })
  assert.deepEqual(toStripe(money('KWD/3', 5120n)), { amount: 5120n, currency: 'kwd' })
  assert.deepEqual(toStripe(money('HUF/2', 1045n)), { amount: 1045n, currency: 'huf' })
  assert.deepEqual(toStripe(money('TWD/2', 80_045n)), { amount: 80_045n, currency: 'twd' })
  assert.deepEqual(fromStripe({ amount: 5000n, currency: 'mga' }), money('MGA/2', 500_000n))
  for (const zero of ['BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'])
    assert.deepEqual(toStripe(money(assetOf(zero), 500n)).amount, 500n, zero)
  assert.deepEqual([limitsOf('KWD/3').step, limitsOf('MGA/2').step, limitsOf('ISK/0').step], [10n, 100n, 1n])
  assert.throws(() => toStripe(money('MGA/2', 150n)), RangeError)
  assert.throws(() => fromStripe({ amount: 150n, currency: 'ugx' }), RangeError)
  assert.throws(() => fromStripe({ amount: 550n, currency: 'isk' }), RangeError)
  assert.throws(() => fromStripe({ amount: 150n, currency: 'xyz' }), RangeError)
})

test('amounts within the limits are accepted in every kind of currency, and other amounts are not sent', async () => {
  await using bench = await openRailBench()
  const { start } = collectOf(railOf(bench))
  const answer = async (amount: Money): Promise<string> => {
    const outcome = await start(requestFor(bench, { amount }))
    return outcome.kind === 'failed' ? outcome.reason : outcome.kind
  }
  const taken = ['USD/2', 'JPY/0', 'ISK/0', 'UGX/0', 'MGA/2', 'KWD/3', 'HUF/2', 'TWD/2', 'IDR/2', 'STD/2'] as const
  for (const asset of taken) {
    const { min, max } = limitsOf(asset)
    for (const amount of [min, max]) assert.equal(await answer(money(asset, amount)), 'pending', `${asset} ${amount}`)
    assert.equal(await answer(money(asset, max + 1n)), 'limit-exceeded', asset)
  }
  assert.equal(await answer(money('KWD/3', 5124n)), 'limit-exceeded')
  assert.equal(await answer(money('MGA/2', 500_050n)), 'limit-exceeded')
  assert.equal(await answer(money('GHS/2', 50_000n)), 'limit-exceeded')
})
