import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRailBench, type RailBench } from '../../test/rails.ts'

interface Answer {
  status: number
  headers: Readonly<Record<string, string>>
  body: Record<string, unknown> & { error?: { type: string; param?: string; code?: string } }
}

async function call(
  bench: RailBench,
  path: string,
  form?: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const answer = await bench.fetch({
    method: form ? 'POST' : 'GET',
    url: `${bench.simulators.url}/sandbox/stripe/v1${path}`,
    headers: {
      authorization: 'Bearer sk_test_sandbox',
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    },
    ...(form ? { body: new URLSearchParams(form).toString() } : {}),
    label: 'test',
  })
  return { status: answer.status, headers: answer.headers, body: answer.json() as Answer['body'] }
}

const FORM = {
  mode: 'payment',
  client_reference_id: 'att_1',
  'metadata[order]': '42',
  'payment_intent_data[metadata][order]': '42',
  'line_items[0][quantity]': '2',
  'line_items[0][price_data][currency]': 'usd',
  'line_items[0][price_data][unit_amount]': '1000',
  'line_items[0][price_data][product_data][name]': 'Order <42>',
  success_url: 'http://127.0.0.1:9/done?s={CHECKOUT_SESSION_ID}',
  cancel_url: 'http://127.0.0.1:9/back',
}

const page = async (
  bench: RailBench,
  url: string,
  form?: Record<string, string>,
): Promise<{ status: number; text: string; location: string }> => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const body = form ? { method: 'POST' as const, headers, body: new URLSearchParams(form).toString() } : {}
  const answer = await bench.fetch({ url, label: 'test', ...body })
  return { status: answer.status, text: answer.text(), location: answer.headers.location ?? '' }
}
const cardForm = (number: string): Record<string, string> => ({ number, expiry: '12 / 34', cvc: '123', name: 'Any' })

async function openSession(bench: RailBench): Promise<{ id: string; url: string }> {
  const { body } = await call(bench, '/checkout/sessions', FORM)
  return { id: String(body.id), url: String(body.url) }
}
const eventsOf = (bench: RailBench): string[] =>
  bench.receiver.received.map(({ body }) => (JSON.parse(body.toString()) as { type: string }).type)

test('one idempotency key creates one session: repeats get the first response, other parameters are refused', async () => {
  await using bench = await openRailBench()
  const create = (form: Record<string, string>, key: string) =>
    call(bench, '/checkout/sessions', form, { 'idempotency-key': key })
  const first = await create(FORM, 'k1')
  const answers = await Promise.all(Array.from({ length: 10 }, () => create(FORM, 'k1')))
  assert.deepEqual(new Set(answers.map(({ body }) => body.id)), new Set([first.body.id]))
  assert.equal(answers[0]?.headers['idempotent-replayed'], 'true')
  const other = await create({ ...FORM, client_reference_id: 'att_2' }, 'k1')
  assert.deepEqual([other.status, other.body.error?.type], [400, 'idempotency_error'])
  assert.notEqual((await create(FORM, 'k2')).body.id, first.body.id)
  const together = await Promise.all(Array.from({ length: 10 }, () => create(FORM, 'k3')))
  assert.equal(new Set(together.map(({ body }) => body.id)).size, 1)
})

test('a refused request is not stored under its idempotency key', async () => {
  await using bench = await openRailBench()
  const bad = await call(bench, '/checkout/sessions', { ...FORM, mode: 'party' }, { 'idempotency-key': 'k' })
  assert.equal(bad.status, 400)
  assert.equal((await call(bench, '/checkout/sessions', FORM, { 'idempotency-key': 'k' })).status, 200)
})

const WRONG = [
  [{ surprise: 'x' }, 'surprise'],
  [{ 'line_items[0][price_data][unit_amount]': '-5' }, 'line_items[0][price_data][unit_amount]'],
  [{ 'line_items[0][price_data][unit_amount]': '19.99' }, 'line_items[0][price_data][unit_amount]'],
  [{ success_url: 'nonsense' }, 'success_url'],
  [{ expires_at: '1768467700' }, 'expires_at'],
] as const

test('Stripe refuses invalid parameters like the real API', async () => {
  await using bench = await openRailBench()
  for (const [changed, param] of WRONG) {
    const { status, body } = await call(bench, '/checkout/sessions', { ...FORM, ...changed })
    assert.deepEqual([status, body.error?.type, body.error?.param], [400, 'invalid_request_error', param])
  }
  const noKey = await call(bench, '/checkout/sessions', FORM, { authorization: 'Bearer sk_test_other' })
  assert.equal(noKey.status, 401)
  assert.equal((await call(bench, '/checkout/sessions/cs_none')).status, 404)
})

test('a card pays: session, intent, charge and fee; events are signed and retried until accepted', async () => {
  await using bench = await openRailBench()
  const { id, url } = await openSession(bench)
  const shown = await page(bench, url)
  assert.match(shown.text, /USD 20\.00/)
  assert.match(shown.text, /Order &#60;42&#62;/)
  bench.receiver.refusals.push(500, 500, 500)
  const paid = await page(bench, url, cardForm('4242 4242 4242 4242'))
  assert.match(paid.text, new RegExp(`content="0;url=http://127.0.0.1:9/done\\?s=${id}"`))
  const { body } = await call(
    bench,
    `/checkout/sessions/${id}?expand[]=payment_intent.latest_charge.balance_transaction`,
  )
  const intent = body.payment_intent as {
    latest_charge: { amount: number; metadata: object; balance_transaction: { fee: number } }
  }
  const { amount, metadata, balance_transaction: balance } = intent.latest_charge
  assert.deepEqual([body.payment_status, amount, balance.fee, metadata], ['paid', 2000, 88, { order: '42' }])
  await bench.simulators.runDue()
  bench.clock.advance(10_000)
  await bench.simulators.runDue()
  const expected = ['charge.succeeded', 'payment_intent.succeeded', 'checkout.session.completed']
  assert.deepEqual(eventsOf(bench).toSorted(), [...expected, ...expected].toSorted())
  assert.match((await page(bench, url, cardForm('4242424242424242'))).text, /Returning to the merchant/, 'paid once')
})

test('a declined card shows the reason and allows another attempt; an invalid card is refused', async () => {
  await using bench = await openRailBench()
  const { id, url } = await openSession(bench)
  const declined = await page(bench, url, cardForm('4000000000000002'))
  assert.deepEqual([declined.status, /Your card was declined/.test(declined.text)], [402, true])
  assert.match((await page(bench, url, cardForm('1234'))).text, /not a test card/)
  assert.match((await page(bench, url, { ...cardForm('4242424242424242'), expiry: '01/20' })).text, /expiration date/)
  assert.match((await page(bench, url, { ...cardForm('4242424242424242'), cvc: '1' })).text, /security code/)
  assert.equal((await call(bench, `/checkout/sessions/${id}`)).body.payment_status, 'unpaid')
  assert.match((await page(bench, url, cardForm('4242424242424242'))).text, /Returning to the merchant/)
  await bench.simulators.runDue()
  assert.equal(eventsOf(bench).filter((type) => type === 'payment_intent.payment_failed').length, 1)
})

test('a 3-D Secure challenge fails, then is approved', async () => {
  await using bench = await openRailBench()
  const { id, url } = await openSession(bench)
  const challenge = await page(bench, url, cardForm('4000002500003155'))
  assert.deepEqual([challenge.status, challenge.location], [303, `/sandbox/stripe/pay/${id}/challenge`])
  assert.equal((await call(bench, `/checkout/sessions/${id}`)).body.payment_status, 'unpaid')
  const failed = await page(bench, `${url}/challenge`, { answer: 'fail' })
  assert.match(failed.text, /unable to authenticate/)
  assert.match((await page(bench, `${url}/challenge`, { answer: 'approve' })).text, /nothing to confirm/)
  await page(bench, url, cardForm('4000002500003155'))
  assert.match((await page(bench, `${url}/challenge`)).text, /USD 20\.00/)
  assert.match((await page(bench, `${url}/challenge`, { answer: 'approve' })).text, /Returning to the merchant/)
  assert.equal((await call(bench, `/checkout/sessions/${id}`)).body.payment_status, 'paid')
})

test('a session expires on time or by request, and then accepts no card', async () => {
  await using bench = await openRailBench()
  const ended = await openSession(bench)
  const late = await openSession(bench)
  assert.equal((await call(bench, `/checkout/sessions/${ended.id}/expire`, {})).body.status, 'expired')
  assert.equal((await call(bench, `/checkout/sessions/${ended.id}/expire`, {})).status, 400)
  bench.clock.advance(25 * 3_600_000)
  await bench.simulators.runDue()
  assert.deepEqual(eventsOf(bench), ['checkout.session.expired', 'checkout.session.expired'])
  for (const { url } of [ended, late, { url: `${bench.simulators.url}/sandbox/stripe/pay/cs_none` }]) {
    assert.equal((await page(bench, url, cardForm('4242424242424242'))).status, 404)
    assert.equal((await page(bench, url)).status, 404)
  }
})

test('refunds reduce the charge and emit events', async () => {
  await using bench = await openRailBench()
  const { id, url } = await openSession(bench)
  await page(bench, url, cardForm('4242424242424242'))
  const { body } = await call(bench, `/checkout/sessions/${id}?expand[]=payment_intent`)
  const { id: payment, latest_charge: charge } = body.payment_intent as { id: string; latest_charge: string }
  assert.equal((await call(bench, '/refunds', { payment_intent: payment, amount: '500' })).body.amount, 500)
  assert.equal((await call(bench, '/refunds', { charge })).body.amount, 1500)
  assert.equal((await call(bench, '/refunds', { charge })).status, 400)
  await bench.simulators.runDue()
  const delivered = bench.receiver.received.map(
    ({ body: text }) =>
      JSON.parse(text.toString()) as {
        type: string
        data: { object: { amount_refunded?: number }; previous_attributes?: { amount_refunded: number } }
      },
  )
  const refunds = delivered
    .filter(({ type }) => type === 'charge.refunded')
    .map(({ data }) => [data.previous_attributes?.amount_refunded, data.object.amount_refunded])
  assert.deepEqual(
    refunds.toSorted(([a = 0], [b = 0]) => a - b),
    [
      [0, 500],
      [500, 2000],
    ],
  )
})

test('a dispute withdraws the money, and a disputed charge cannot be refunded', async () => {
  await using bench = await openRailBench()
  const { id, url } = await openSession(bench)
  await page(bench, url, cardForm('4000000000000259'))
  const { body } = await call(bench, `/checkout/sessions/${id}?expand[]=payment_intent`)
  const { latest_charge: charge } = body.payment_intent as { latest_charge: string }
  assert.deepEqual((await call(bench, '/refunds', { charge })).body.error?.code, 'charge_disputed')
  await bench.simulators.runDue()
  assert.equal(eventsOf(bench).filter((type) => type === 'charge.dispute.created').length, 1)
})

test('an endpoint that was registered through the API also gets events', async () => {
  await using bench = await openRailBench()
  const url = `${bench.receiver.url}/second`
  const made = await call(bench, '/webhook_endpoints', { url, 'enabled_events[]': '*' })
  assert.match(String(made.body.secret), /^whsec_/)
  const elsewhere = await call(bench, '/webhook_endpoints', { url: 'http://10.0.0.1/', 'enabled_events[]': '*' })
  assert.deepEqual([elsewhere.status, elsewhere.body.error?.param], [400, 'url'])
  const { url: pay } = await openSession(bench)
  await page(bench, pay, cardForm('4242424242424242'))
  await bench.simulators.runDue()
  assert.equal(bench.receiver.received.filter(({ path }) => path === '/second').length, 3)
})
