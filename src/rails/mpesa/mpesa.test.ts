import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assetOf, money } from '#money'
import type { Collect, CollectRequest, InboundRequest, Outcome, Rail } from '#rails/contract'
import { addMs } from '#platform/base/clock'
import { createMemoryLog, silentLog } from '#platform/observe/log'
import { Secret } from '#platform/base/secrets'
import { openRailBench, type RailBench } from '../../../test/rails.ts'
import { refOf } from '../suites/collect.ts'
import { parseCallback } from './callback.ts'
import { createMpesaRail, mpesaConfig } from './index.ts'
import { shortText } from './text.ts'

const KES = assetOf('KES')
const receivedAt = new Date('2026-01-15T09:00:00Z')
const ATTEMPT = 'att_01kd3v0000000000000000000a'

const railOf = ({ clock, fetch, settings }: RailBench, changed = {}): Rail => {
  const config = settings(mpesaConfig, 'sandbox', changed)
  return createMpesaRail({ mode: 'sandbox', fetch, clock, log: silentLog, config: () => config })
}

function collectOf(rail: Rail): Collect {
  assert.ok(rail.collect)
  return rail.collect
}

function requestFor({ ids, clock, receiver }: RailBench, phone: string, shillings = 1500n): CollectRequest {
  const attemptId = ids.next('att')
  return {
    attemptId,
    intentId: ids.next('pay'),
    amount: money(KES, shillings * 100n),
    payer: { phone },
    merchantName: 'Mama Njeri',
    description: '',
    callbackUrl: `${receiver.url}/api/webhook/stk/${attemptId}.secret`,
    returnUrl: 'http://127.0.0.1/pay/x',
    expiresAt: addMs(clock.now(), 3_600_000),
  }
}

/** Checks like payments, after each of the rail's delays. Returns the first answer that ends the attempt, and its time. */
async function poll(
  bench: RailBench,
  rail: Rail,
  phone: string,
): Promise<{ outcome: Outcome; afterMs: number; callbacks: string[] }> {
  const request = requestFor(bench, phone)
  const createdAt = bench.clock.now()
  const started = await collectOf(rail).start(request)
  for (const waitMs of collectOf(rail).checkAfterMs) {
    bench.clock.advance(waitMs)
    await bench.simulators.runDue()
    const outcome = await collectOf(rail).check(refOf(request, createdAt, started))
    if (outcome.kind === 'received' || outcome.kind === 'failed') {
      const own = bench.receiver.received.filter(({ path }) => path.includes(request.attemptId))
      const afterMs = bench.clock.now().getTime() - createdAt.getTime()
      return { outcome, afterMs, callbacks: own.map(({ body }) => body.toString()) }
    }
  }
  return assert.fail(`phone ${phone} never ended`)
}

const ENDS = [
  ['254700000001', 'received', 1],
  ['254700000002', 'insufficient-funds', 1],
  ['254700000003', 'canceled-by-payer', 1],
  ['254700000004', 'no-response', 0],
  ['254700000005', 'received', 0],
  ['254700000006', 'received', 3],
  ['254700000007', 'received', 1],
  ['254700000009', 'received', 1],
  ['254700000010', 'received', 0],
] as const

test('each sandbox phone gives its outcome within a minute', async (t) => {
  await using bench = await openRailBench()
  for (const [phone, expected, count] of ENDS) {
    await t.test(`${phone}: ${expected}, ${count} callbacks`, async () => {
      const { outcome, afterMs, callbacks } = await poll(bench, railOf(bench), phone)
      assert.equal(outcome.kind === 'failed' ? outcome.reason : outcome.kind, expected)
      assert.ok(afterMs <= 60_000, `took ${afterMs} ms of sandbox time`)
      assert.equal(callbacks.length, count)
      assert.ok(new Set(callbacks).size <= 1, 'repeated callbacks are identical')
    })
  }
})

test('phone 254700000007: the callback arrives before the response', async () => {
  await using bench = await openRailBench()
  const request = requestFor(bench, '254700000007')
  const started = await collectOf(railOf(bench)).start(request)
  assert.equal(started.kind, 'pending')
  assert.equal(bench.receiver.received.length, 1)
})

test('phone 254700000009 pays a shilling less: the callback states it, the query does not', async () => {
  await using bench = await openRailBench()
  const { outcome } = await poll(bench, railOf(bench), '254700000009')
  assert.ok(outcome.kind === 'received')
  assert.deepEqual([outcome.receipts[0]?.gross.amount, outcome.receipts[0]?.stated], [150_000n, false])
  const [callback] = bench.receiver.received
  assert.ok(callback)
  const [fact] = parseCallback({ rawBody: callback.body, tokenAttemptId: ATTEMPT, receivedAt })
  assert.ok(fact?.outcome.kind === 'received')
  assert.deepEqual([fact.outcome.receipts[0]?.gross.amount, fact.outcome.receipts[0]?.stated], [149_900n, true])
})

test('phone 254700000011: response and callback are lost; the withheld callback can be sent late', async () => {
  await using bench = await openRailBench()
  const started = await collectOf(railOf(bench)).start(requestFor(bench, '254700000011'))
  assert.equal(started.kind, 'unknown')
  bench.clock.advance(600_000)
  await bench.simulators.runDue()
  assert.equal(bench.receiver.received.length, 0)
  const url = `${bench.simulators.url}/sandbox/phone/254700000011/callback`
  assert.equal((await bench.fetch({ method: 'POST', url, label: 'test' })).status, 200)
  await bench.simulators.runDue()
  assert.equal(bench.receiver.received.length, 1)
})

test('a certain refusal fails with the matching reason', async () => {
  await using bench = await openRailBench()
  const request = requestFor(bench, '254700000001')
  const start = (changed: Record<string, string | undefined>, given = request): Promise<Outcome> =>
    collectOf(railOf(bench, changed)).start(given)
  const reasonOf = (outcome: Outcome): string => (outcome.kind === 'failed' ? outcome.reason : outcome.kind)
  assert.equal(reasonOf(await start({ MPESA_PASSKEY: 'wrong' })), 'provider-unavailable')
  assert.equal(reasonOf(await start({ MPESA_CONSUMER_SECRET: 'wrong' })), 'provider-unavailable')
  assert.equal(reasonOf(await start({ MPESA_SHORTCODE: '999999' })), 'provider-unavailable')
  assert.equal(reasonOf(await start({}, { ...request, payer: { phone: '0712345678' } })), 'invalid-phone')
  assert.equal(reasonOf(await start({}, { ...request, callbackUrl: 'nonsense' })), 'provider-rejected')
  assert.equal(reasonOf(await start({ MPESA_PASSKEY: undefined })), 'provider-unavailable')
  assert.match(railOf(bench, { MPESA_PASSKEY: undefined }).unavailable() ?? '', /set MPESA_PASSKEY/)
})

const callback = (stkCallback: object): Buffer => Buffer.from(JSON.stringify({ Body: { stkCallback } }))
const IDS = { MerchantRequestID: '29115-34620561-1', CheckoutRequestID: 'ws_CO_1' }
const ITEMS = [
  { Name: 'PhoneNumber', Value: 254712345678 },
  { Name: 'Balance' },
  { Name: 'TransactionDate', Value: 20260115120102 },
  { Name: 'Amount', Value: 1500.0 },
  { Name: 'MpesaReceiptNumber', Value: 'NLJ7RT61SV' },
]
const outcomeOf = (body: Buffer): Outcome | undefined =>
  parseCallback({ rawBody: body, tokenAttemptId: ATTEMPT, receivedAt })[0]?.outcome

test('callback items are read by name, as text or number', () => {
  const asText = ITEMS.map((item) => ('Value' in item ? { ...item, Value: String(item.Value) } : item))
  for (const [code, items] of [
    [0, ITEMS],
    ['0', asText],
    [0, ITEMS.toReversed()],
  ] as const) {
    const body = callback({ ...IDS, ResultCode: code, ResultDesc: 'ok', CallbackMetadata: { Item: items } })
    const [fact] = parseCallback({ rawBody: body, tokenAttemptId: ATTEMPT, receivedAt })
    assert.deepEqual(fact, {
      about: { attemptId: ATTEMPT },
      outcome: {
        kind: 'received',
        receipts: [
          {
            id: 'ws_CO_1',
            number: 'NLJ7RT61SV',
            gross: money(KES, 150_000n),
            at: new Date('2026-01-15T09:01:02Z'),
            final: true,
            stated: true,
          },
        ],
        reference: 'ws_CO_1',
      },
      payerPhone: '254712345678',
      needsCheck: true,
    })
  }
})

test('a success without metadata or amount waits for the query', () => {
  for (const CallbackMetadata of [
    undefined,
    null,
    { Item: [] },
    { Item: ITEMS.filter(({ Name }) => Name !== 'Amount') },
  ]) {
    assert.deepEqual(outcomeOf(callback({ ...IDS, ResultCode: 0, CallbackMetadata })), {
      kind: 'pending',
      reference: 'ws_CO_1',
    })
  }
})

test('each listed code has its reason, and other codes are unknown', () => {
  const codes = {
    1: 'insufficient-funds',
    1001: 'provider-unavailable',
    1019: 'expired',
    1025: 'provider-unavailable',
    1032: 'canceled-by-payer',
    1037: 'no-response',
    2001: 'wrong-pin',
    9999: 'provider-unavailable',
    17: 'unknown',
    8006: 'unknown',
    4999: 'pending',
    '1.0': 'unknown',
    '': 'unknown',
  }
  for (const [code, meaning] of Object.entries(codes)) {
    const outcome = outcomeOf(callback({ ...IDS, ResultCode: code, ResultDesc: 'Success' }))
    assert.equal(outcome?.kind === 'failed' ? outcome.reason : outcome?.kind, meaning, `code ${code}`)
  }
})

test('invalid amounts throw, masked phones are not compared', () => {
  for (const Value of [0, -5, '1,500', 1.005, '1e3', 'many']) {
    assert.throws(() =>
      outcomeOf(callback({ ...IDS, ResultCode: 0, CallbackMetadata: { Item: [{ Name: 'Amount', Value }] } })),
    )
  }
  const items = [
    { Name: 'Amount', Value: 5 },
    { Name: 'PhoneNumber', Value: '2547****678' },
  ]
  const body = callback({ ...IDS, ResultCode: 0, CallbackMetadata: { Item: items } })
  assert.equal(parseCallback({ rawBody: body, tokenAttemptId: ATTEMPT, receivedAt })[0]?.payerPhone, undefined)
})

test('only code 2033 says that a payment does not exist; other failed queries say nothing about it', async () => {
  await using bench = await openRailBench()
  const { refund } = railOf(bench)
  const tokenRefund = { refundId: 're_1', sendingId: 're_1-1', purpose: 'status' } as const
  const absent = (ResultCode: number | string): boolean | undefined => {
    const result = { ResultType: 0, ResultCode, ResultDesc: 'x', OriginatorConversationID: 'q', ConversationID: 'AG_1' }
    const rawBody = Buffer.from(JSON.stringify({ Result: { ...result, TransactionID: 'X' } }))
    const [fact] = refund?.parse?.({ rawBody, tokenAttemptId: undefined, tokenRefund, receivedAt }) ?? []
    assert.ok(fact?.kind === 'sending' && fact.outcome.kind === 'unknown')
    return fact.outcome.absent
  }
  assert.equal(absent(2033), true)
  for (const code of [1, 17, 2001, 'SFC_IC0003', 'SVC0403']) assert.equal(absent(code), false, String(code))
})

test('a callback from an unlisted address is accepted and logged', async () => {
  await using bench = await openRailBench()
  const log = createMemoryLog()
  const config = bench.settings(mpesaConfig, 'sandbox', { MPESA_CALLBACK_ADDRESSES: '196.201.212.0/24, 10.1.1.1' })
  const rail = createMpesaRail({ mode: 'sandbox', fetch: bench.fetch, clock: bench.clock, log, config: () => config })
  const request: InboundRequest = { headers: {}, rawBody: Buffer.from('{}'), tokenAttemptId: ATTEMPT, now: receivedAt }
  for (const address of ['196.201.212.74', '::ffff:196.201.212.9', '10.1.1.1']) {
    assert.deepEqual(rail.webhook?.verify({ ...request, address }), { ok: true })
  }
  assert.equal(log.entries.length, 0)
  assert.deepEqual(rail.webhook?.verify({ ...request, address: '203.0.113.9' }), { ok: true })
  assert.equal(log.entries[0]?.securityEvent, 'unexpected-callback-address')
})

test('a test address in live mode stops the start, and so does a live address in test mode', () => {
  const raw = new Map([['MPESA_BASE_URL', new Secret('https://sandbox.safaricom.co.ke/')]])
  assert.match(mpesaConfig.parse(raw, { mode: 'live' }).problems.join(), /MPESA_BASE_URL names the test environment/)
  assert.deepEqual(mpesaConfig.parse(raw, { mode: 'test' }).problems, [])
  const live = new Map([['MPESA_BASE_URL', new Secret('https://API.safaricom.co.ke')]])
  assert.match(mpesaConfig.parse(live, { mode: 'test' }).problems.join(), /MPESA_BASE_URL names the live environment/)
  assert.deepEqual(mpesaConfig.parse(live, { mode: 'live' }).problems, [])
})

test('texts for the payer fit the length and stay readable', () => {
  assert.equal(shortText(12, 'Mama Njeri’s Café & Duka'), 'Mama Njeri s')
  assert.equal(shortText(12, 'Łódź Čaj'), 'odz Caj')
  assert.equal(shortText(12, '日本', 'Order 1'), 'Order 1')
  assert.equal(shortText(13, '', '💳'), 'Payment')
})
