import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createFetch } from '#platform/web/fetch'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { Secret } from '#platform/base/secrets'
import { openScripted, type ScriptedAnswer } from '../../../test/faulty.ts'
import { createStripe, StripeFailure, type NewSession } from './index.ts'

const fetch = createFetch({ log: silentLog, metrics: createMetrics({ defaults: false }), mode: 'sandbox' })
after(() => fetch.close())

const KEY = 'sk_test_canary'
const NEW: NewSession = {
  idempotencyKey: 'att_1',
  clientReferenceId: 'att_1',
  metadata: { purser_attempt: 'att_1' },
  amount: 1999n,
  currency: 'usd',
  productName: 'Order 42',
  description: 'Order 42',
  email: 'payer@example.com',
  successUrl: 'https://pay.example/pay/1',
  cancelUrl: 'https://pay.example/pay/1',
  expiresAt: new Date('2026-01-15T10:00:00Z'),
}

/** Recorded response of Stripe, shortened to the fields that we read. */
const PAID = {
  id: 'cs_test_a1B2',
  object: 'checkout.session',
  amount_total: 1999,
  client_reference_id: 'att_1',
  created: 1768467600,
  currency: 'usd',
  livemode: false,
  metadata: { purser_attempt: 'att_1' },
  payment_intent: {
    id: 'pi_3Abc',
    object: 'payment_intent',
    last_payment_error: null,
    latest_charge: {
      id: 'ch_3Abc',
      object: 'charge',
      amount: 1999,
      balance_transaction: {
        id: 'txn_1',
        object: 'balance_transaction',
        amount: 1999,
        currency: 'usd',
        fee: 88,
        net: 1911,
      },
      captured: true,
      created: 1768467700,
      currency: 'usd',
      livemode: false,
      paid: true,
      status: 'succeeded',
    },
    status: 'succeeded',
  },
  payment_status: 'paid',
  status: 'complete',
  url: null,
}

async function openClient(answer: ScriptedAnswer | Parameters<typeof openScripted>[0], key = KEY) {
  const server = await openScripted(typeof answer === 'function' ? answer : () => answer)
  const client = createStripe({
    fetch,
    settings: () => ({ secretKey: new Secret(key), baseUrl: `${server.url}/prefix` }),
  })
  return { client, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

test('a session is created with its idempotency key, and the request reveals nothing about this machine', async () => {
  await using t = await openClient({
    body: { ...PAID, payment_intent: null, payment_status: 'unpaid', status: 'open', url: 'https://x' },
  })
  const session = await t.client.createSession(NEW)
  assert.equal(session.url, 'https://x')
  const [request] = t.server.received
  assert.equal(request?.path, '/prefix/v1/checkout/sessions')
  const { authorization, 'idempotency-key': key, 'user-agent': agent } = request?.headers ?? {}
  assert.deepEqual([authorization, key, agent], [`Bearer ${KEY}`, 'att_1', 'Purser'])
  assert.ok(!Object.keys(request?.headers ?? {}).some((name) => name.startsWith('x-stripe')))
  const form = new URLSearchParams(request?.body.toString())
  assert.equal(form.get('line_items[0][price_data][unit_amount]'), '1999')
  assert.equal(form.get('payment_intent_data[metadata][purser_attempt]'), 'att_1')
  assert.equal(form.get('expires_at'), '1768471200')
})

test('a paid session is read with its charge and fee, amounts as whole minor units', async () => {
  await using t = await openClient({ body: PAID })
  const { payment } = await t.client.fetchSession('cs_test_a1B2')
  assert.deepEqual(payment?.charge, {
    id: 'ch_3Abc',
    livemode: false,
    amount: 1999n,
    currency: 'usd',
    succeeded: true,
    createdAt: new Date(1768467700_000),
    fee: { amount: 88n, currency: 'usd' },
    amountReturned: 0n,
    metadata: {},
  })
  assert.match(t.server.received[0]?.path ?? '', /expand/)
})

test('charges are listed by time, page by page', async () => {
  const { balance_transaction: _, ...charge } = PAID.payment_intent.latest_charge
  const one = { ...charge, amount_refunded: 100, metadata: { purser_attempt: 'att_1' } }
  await using t = await openClient({ body: { object: 'list', data: [one], has_more: true } })
  const span = { from: new Date('2026-01-15T00:00:00Z'), to: new Date('2026-01-16T00:00:00Z') }
  const { charges, more } = await t.client.listCharges({ ...span, after: 'ch_0' })
  assert.deepEqual([more, charges[0]?.amountReturned, charges[0]?.metadata['purser_attempt']], [true, 100n, 'att_1'])
  const asked = new URL(t.server.received[0]?.path ?? '', 'http://x').searchParams
  assert.deepEqual(Object.fromEntries(asked), {
    'created[gte]': '1768435200',
    'created[lt]': '1768521600',
    limit: '100',
    starting_after: 'ch_0',
  })
  await using odd = await openClient({ body: { object: 'list', data: [{ id: 'ch_1' }], has_more: false } })
  await assert.rejects(odd.client.listCharges({ ...span, after: undefined }), StripeFailure)
})

test('all refunds of a charge are listed, also if they take several pages', async () => {
  const of = (id: string) => ({
    id,
    object: 'refund',
    amount: 1,
    currency: 'usd',
    charge: 'ch_3Abc',
    status: 'succeeded',
  })
  await using t = await openClient(({ path }) => {
    const begin = new URL(path, 'http://x').searchParams.get('starting_after')
    const [data, more] = begin === null ? [[of('re_3'), of('re_2')], true] : [[of('re_1')], false]
    return { body: { object: 'list', data, has_more: more } }
  })
  const all = await t.client.listRefunds('ch_3Abc')
  assert.deepEqual(
    all.map(({ id }) => id),
    ['re_3', 're_2', 're_1'],
  )
  assert.match(t.server.received[1]?.path ?? '', /starting_after=re_2/)
  await using endless = await openClient({ body: { object: 'list', data: [of('re_1')], has_more: true } })
  await assert.rejects(
    endless.client.listRefunds('ch_3Abc'),
    (error) => error instanceof StripeFailure && error.maybeActed,
    'an incomplete list is an error',
  )
})

const FAILURES = [
  [{ status: 400, body: { error: { type: 'invalid_request_error', message: 'No' } } }, 'stripe.rejected', false],
  [
    { status: 401, body: { error: { type: 'invalid_request_error', message: `Invalid key ${KEY}` } } },
    'stripe.unauthorized',
    false,
  ],
  [
    { status: 429, body: { error: { type: 'invalid_request_error', code: 'rate_limit', message: 'Slow' } } },
    'stripe.unavailable',
    false,
  ],
  [
    {
      status: 409,
      body: { error: { type: 'invalid_request_error', code: 'idempotency_key_in_use', message: 'Busy' } },
    },
    'stripe.rejected',
    true,
  ],
  [
    { status: 400, body: { error: { type: 'idempotency_error', message: 'Other parameters' } } },
    'stripe.rejected',
    true,
  ],
  [{ status: 500, body: { error: { type: 'api_error', message: 'Oops' } } }, 'stripe.unavailable', true],
  [{ status: 502, body: '<html>' }, 'stripe.bad-answer', true],
  [
    {
      status: 200,
      body: {
        ...PAID,
        payment_intent: {
          ...PAID.payment_intent,
          latest_charge: { ...PAID.payment_intent.latest_charge, amount: 19.99 },
        },
      },
    },
    'stripe.bad-answer',
    true,
  ],
] as const

for (const [answer, code, maybeActed] of FAILURES) {
  test(`${answer.status} ${JSON.stringify(answer.body).slice(0, 60)}: ${code}, ${maybeActed ? 'may have acted' : 'certainly did nothing'}, one request`, async () => {
    await using t = await openClient(answer)
    const failure: unknown = await t.client.createSession(NEW).catch((error: unknown) => error)
    assert.ok(failure instanceof StripeFailure, String(failure))
    assert.deepEqual([failure.code, failure.maybeActed], [code, maybeActed])
    assert.doesNotMatch(failure.message, /canary/)
    assert.equal(t.server.received.length, 1)
  })
}
