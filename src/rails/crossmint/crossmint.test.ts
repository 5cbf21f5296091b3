import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'svix'
import { assetOf, money } from '#money'
import type { Collect, CollectRequest, Outcome, Rail } from '#rails/contract'
import { addMs, systemClock } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import { silentLog } from '#platform/observe/log'
import { openScripted, type ScriptedAnswer } from '../../../test/faulty.ts'
import { openRailBench, type RailBench } from '../../../test/rails.ts'
import { refOf } from '../suites/collect.ts'
import { createCrossmintRail, crossmintConfig } from './index.ts'
import { outcomeOf } from './order.ts'
import { order as orderShape } from './wire.ts'

const AT = new Date('2026-01-15T09:00:00Z')

function railOf(bench: RailBench, changed: Record<string, string | undefined> = {}, mode: Mode = 'sandbox'): Rail {
  const config = bench.settings(crossmintConfig, mode, changed)
  return createCrossmintRail({ mode, fetch: bench.fetch, clock: bench.clock, log: silentLog, config: () => config })
}

function collectOf({ collect }: Rail): Collect {
  assert.ok(collect)
  return collect
}

const requestFor = ({ ids, clock, receiver }: RailBench, changed: Partial<CollectRequest> = {}): CollectRequest => ({
  attemptId: ids.next('att'),
  intentId: ids.next('pay'),
  amount: money(assetOf('USD'), 1999n),
  payer: { email: 'payer@example.com' },
  merchantName: 'Mama Njeri',
  description: 'Order 42',
  callbackUrl: receiver.url,
  returnUrl: `${receiver.url}/pay/x`,
  expiresAt: addMs(clock.now(), 3_600_000),
  ...changed,
})

/** Returns an order response of Crossmint with the fields in `changed`. */
const orderAs = (payment: object, delivery: object = { status: 'awaiting-payment' }, more: object = {}): object => ({
  orderId: 'o-1',
  phase: 'payment',
  locale: 'en-US',
  lineItems: [{ chain: 'solana', quantity: 1, delivery }],
  quote: { status: 'valid', totalPrice: { amount: '19.99', currency: 'usd' } },
  payment: { status: 'awaiting-payment', method: 'card', currency: 'usd', ...payment },
  ...more,
})
const read = (order: object): Outcome => outcomeOf(orderShape.parse(order), AT)

test('an order is paid only if it is paid and delivered', () => {
  const paid = { status: 'completed' }
  const done = { phase: 'completed' }
  const cases: readonly (readonly [order: object, kind: Outcome['kind'], detail?: string])[] = [
    [orderAs({}), 'pending'],
    [orderAs({ status: 'requires-kyc' }), 'pending'],
    [orderAs({ status: 'in-progress' }), 'pending'],
    [orderAs({ failureReason: { code: 'insufficient-funds' } }), 'pending', 'insufficient-funds'],
    [orderAs({ failureReason: { code: 'do-not-honor' } }), 'pending', 'declined'],
    [orderAs({ status: 'crypto-payer-insufficient-funds' }), 'pending', 'insufficient-funds'],
    [orderAs({ status: 'failed-kyc' }), 'pending', 'authentication-failed'],
    [orderAs({ status: 'failed' }), 'failed', 'declined'],
    [orderAs(paid, { status: 'in-progress' }, { phase: 'delivery' }), 'received', 'not final'],
    [orderAs(paid, { status: 'completed', txId: 'tx1' }, done), 'received', 'final'],
    [orderAs(paid, { status: 'failed' }, done), 'failed', 'provider-rejected'],
    [orderAs({}, { status: 'awaiting-payment' }, done), 'unknown'],
    [orderAs({ status: 'something-new' }), 'unknown'],
    [orderAs(paid, { status: 'completed' }, { ...done, quote: null }), 'unknown'],
    [
      orderAs(paid, { status: 'completed' }, { ...done, quote: { totalPrice: { amount: '0.01', currency: 'eth' } } }),
      'unknown',
    ],
  ]
  for (const [order, kind, detail] of cases) {
    const outcome = read(order)
    assert.equal(outcome.kind, kind, JSON.stringify(order))
    if (outcome.kind === 'received') {
      const [receipt] = outcome.receipts
      assert.deepEqual([receipt?.gross.amount, receipt?.final, receipt?.id], [1999n, detail === 'final', 'o-1'])
    } else {
      const said =
        outcome.kind === 'failed' ? outcome.reason : outcome.kind === 'pending' ? outcome.declined : undefined
      assert.equal(said, detail)
    }
  }
})

test('the page is Crossmint’s, needs the order’s secret, and returns to the payment', async () => {
  await using bench = await openRailBench()
  const started = await collectOf(railOf(bench)).start(requestFor(bench))
  assert.ok(started.kind === 'pending' && started.redirectUrl && started.reference)
  const url = new URL(started.redirectUrl)
  assert.equal(url.pathname, `/sandbox/crossmint/sdk/2024-03-05/hosted-checkout/${started.reference}`)
  assert.ok((url.searchParams.get('clientSecret') ?? '').length > 20)
  assert.equal(url.searchParams.get('successCallbackURL'), `${bench.receiver.url}/pay/x`)
  const stranger = await bench.fetch({ url: started.redirectUrl.replace(/clientSecret=[^&]+/, ''), label: 'test' })
  assert.equal(stranger.status, 404, 'the page needs the secret')
})

test('the npm package svix accepts the simulator’s events, and forged, old and repeated events are detected', async () => {
  await using bench = await openRailBench()
  // svix uses the system clock only.
  bench.clock.advance(systemClock.now().getTime() - bench.clock.now().getTime())
  const rail = railOf(bench)
  const started = await collectOf(rail).start(requestFor(bench))
  assert.ok(started.kind === 'pending' && started.redirectUrl)
  const body = new URLSearchParams({ wallet: 'full' }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  await bench.fetch({ method: 'POST', url: started.redirectUrl, headers, body, label: 'payer' })
  await bench.simulators.runDue()
  const events = bench.receiver.received
  const secret = 'whsec_cHVyc2VyIHNhbmRib3ggY3Jvc3NtaW50'
  const types = events.map(({ body: raw, headers: names }) => {
    // svix throws on an invalid event.
    new Webhook(secret).verify(raw, names as Record<string, string>)
    return (JSON.parse(raw.toString()) as { type: string }).type
  })
  assert.deepEqual(types.toSorted(), ['orders.delivery.initiated', 'orders.payment.succeeded', 'orders.quote.created'])

  const [event] = events
  assert.ok(event && rail.webhook)
  const inbound = { headers: event.headers, rawBody: event.body, tokenAttemptId: undefined, now: bench.clock.now() }
  const { verify } = rail.webhook
  assert.deepEqual(verify(inbound), { ok: true, eventId: event.headers['svix-id'] })
  const changed = Buffer.from(event.body.toString().replace('usd', 'kes'))
  for (const bad of [{ rawBody: changed }, { now: addMs(inbound.now, 301_000) }, { headers: {} }]) {
    const verdict = verify({ ...inbound, ...bad })
    assert.equal(!verdict.ok && verdict.status, 401)
  }
  const off = railOf(bench, { CROSSMINT_WEBHOOK_SECRET: undefined }).webhook?.verify(inbound)
  assert.equal(off?.ok === false && off.status, 404, 'without a secret the endpoint is off')
})

test('a paid order that is not delivered is not final; when Crossmint refunds it, it failed', async () => {
  await using bench = await openRailBench()
  const collect = collectOf(railOf(bench))
  const request = requestFor(bench)
  const createdAt = bench.clock.now()
  const started = await collect.start(request)
  assert.ok(started.kind === 'pending' && started.redirectUrl)
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const pay = (form: object): Promise<unknown> =>
    bench.fetch({
      method: 'POST',
      url: started.redirectUrl ?? '',
      headers,
      body: new URLSearchParams({ ...form }).toString(),
      label: 'payer',
    })
  await pay({ wallet: 'empty' })
  const refused = await collect.check(refOf(request, createdAt, started))
  assert.equal(refused.kind === 'pending' && refused.declined, 'insufficient-funds')
  await pay({ number: '4000 0000 0000 0341' })
  const seen = await collect.check(refOf(request, createdAt, started))
  assert.equal(seen.kind === 'received' && seen.receipts[0]?.final, false)
  bench.clock.advance(3000)
  await bench.simulators.runDue()
  const back = await collect.check(refOf(request, createdAt, started))
  assert.equal(back.kind === 'failed' && back.reason, 'provider-rejected')
})

test('the older settings work, with their own headers', async () => {
  await using bench = await openRailBench()
  const older = { CROSSMINT_API_KEY: 'sandbox-client-secret', CROSSMINT_CLIENT_ID: 'sandbox-project' }
  const rail = railOf(bench, older)
  assert.equal(rail.unavailable(), undefined)
  assert.equal((await collectOf(rail).start(requestFor(bench))).kind, 'pending')
  assert.match(
    railOf(bench, { ...older, CROSSMINT_CLIENT_ID: undefined }).unavailable() ?? '',
    /set CROSSMINT_CLIENT_ID$/,
  )
  const foreign = railOf(bench, { ...older, CROSSMINT_CLIENT_ID: 'another' })
  assert.equal((await collectOf(foreign).start(requestFor(bench))).kind, 'failed')
})

test('keys of another mode, client-side keys and incomplete settings are refused', async () => {
  await using bench = await openRailBench()
  assert.throws(
    () => railOf(bench, { CROSSMINT_API_KEY: 'sk_production_x1' }),
    /production key with PURSER_MODE=sandbox/,
  )
  assert.throws(
    () => railOf(bench, { CROSSMINT_API_KEY: 'sk_staging_x1' }, 'live'),
    /set a key that starts with sk_production_/,
  )
  assert.throws(() => railOf(bench, { CROSSMINT_API_KEY: 'ck_staging_x1' }), /client-side key/)
  assert.throws(
    () => railOf(bench, { CROSSMINT_COLLECTION_ID: 'c-1', CROSSMINT_COLLECTION_LOCATOR: 'crossmint:c-1' }),
    /both set/,
  )
  const off = railOf(bench, { CROSSMINT_TOKEN_LOCATOR: undefined, CROSSMINT_WALLET_ADDRESS: undefined })
  assert.match(
    off.unavailable() ?? '',
    /CROSSMINT_WALLET_ADDRESS, CROSSMINT_TOKEN_LOCATOR \(or CROSSMINT_COLLECTION_LOCATOR\)/,
  )
  assert.equal((await collectOf(off).start(requestFor(bench))).kind, 'failed')
})

test('an order with another price fails at the start, because no payer gets its page', async () => {
  await using bench = await openRailBench()
  let answer: ScriptedAnswer = { status: 201, body: { clientSecret: 's', order: orderAs({}) } }
  await using provider = await openScripted(() => answer)
  const collect = collectOf(railOf(bench, { CROSSMINT_BASE_URL: provider.url }))
  assert.equal((await collect.start(requestFor(bench))).kind, 'pending')
  answer = {
    ...answer,
    body: {
      clientSecret: 's',
      order: orderAs({}, undefined, { quote: { totalPrice: { amount: '21.00', currency: 'usd' } } }),
    },
  }
  const started = await collect.start(requestFor(bench))
  assert.equal(started.kind === 'failed' && started.why, 'the order costs 21.00, not 19.99')
})

test('the list of orders is read back as far as an order can be paid, and has paid and delivered orders only', async () => {
  await using bench = await openRailBench()
  const HOUR_MS = 3_600_000
  const listed = (orderId: string, ageMs: number, payment: string, delivery: object): object => ({
    ...orderAs({ status: payment }, delivery),
    orderId,
    createdAt: addMs(AT, -ageMs).toISOString(),
  })
  const done = { status: 'completed', txId: 'tx1', completedAt: AT.toISOString() }
  const pages: Record<string, object> = {
    '': {
      data: [
        listed('o-paid', HOUR_MS, 'completed', done),
        listed('o-started', HOUR_MS, 'awaiting-payment', { status: 'awaiting-payment' }),
        listed('o-failed', HOUR_MS, 'completed', { status: 'failed' }),
        listed('o-going', HOUR_MS, 'completed', { status: 'in-progress' }),
      ],
      nextCursor: 'c1',
    },
    c1: { data: [listed('o-old', 30 * HOUR_MS, 'completed', { status: 'completed' })], nextCursor: 'c2' },
  }
  await using provider = await openScripted(({ path }): ScriptedAnswer => {
    const { searchParams } = new URL(path, 'http://x')
    return { body: pages[searchParams.get('cursor') ?? ''] ?? { message: 'never asked for' }, status: 200 }
  })
  const { statement } = railOf(bench, { CROSSMINT_BASE_URL: `${provider.url}/api` })
  const span = { from: addMs(AT, -2 * HOUR_MS), to: AT, watched: [] }
  const first = await statement?.list({ ...span, cursor: undefined })
  const gross = money(assetOf('USD'), 1999n)
  assert.deepEqual(first, {
    lines: [{ id: 'o-paid', receiptId: 'o-paid', reference: 'o-paid', gross, at: AT, number: 'tx1' }],
    cursor: 'c1',
  })
  const second = await statement?.list({ ...span, cursor: 'c1' })
  assert.deepEqual(
    [second?.lines[0]?.at, second?.cursor],
    [addMs(AT, -30 * HOUR_MS), undefined],
    'older cannot be paid',
  )
})
