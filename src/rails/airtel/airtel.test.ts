import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { assetOf, money } from '#money'
import type { Collect, CollectRequest, Outcome, Rail } from '#rails/contract'
import { addMs } from '#platform/base/clock'
import { openScripted, type ScriptedAnswer } from '../../../test/faulty.ts'
import { openRailBench, type RailBench } from '../../../test/rails.ts'
import { refOf } from '../suites/collect.ts'
import { isSigned, parseCallback } from './callback.ts'
import { airtelConfig, createAirtelRail } from './index.ts'

const receivedAt = new Date('2026-01-15T09:00:00Z')

function railOf(bench: RailBench, changed: Record<string, string | undefined> = {}): Rail {
  const config = bench.settings(airtelConfig, 'sandbox', changed)
  return createAirtelRail({ mode: 'sandbox', fetch: bench.fetch, clock: bench.clock, config: () => config })
}

function collectOf({ collect }: Rail): Collect {
  assert.ok(collect)
  return collect
}

const requestFor = ({ ids, clock }: RailBench, changed: Partial<CollectRequest> = {}): CollectRequest => ({
  attemptId: ids.next('att'),
  intentId: ids.next('pay'),
  amount: money(assetOf('KES'), 150_000n),
  payer: { phone: '254730000001' },
  merchantName: 'Mama Njeri’s Café & Duka',
  description: 'Order 42',
  callbackUrl: 'http://127.0.0.1:9/never',
  returnUrl: 'http://127.0.0.1/pay/x',
  expiresAt: addMs(clock.now(), 3_600_000),
  ...changed,
})

/** Returns the outcome of an enquiry with this response. */
async function meaning(bench: RailBench, body: object): Promise<Outcome> {
  await using provider = await openScripted(({ path }): ScriptedAnswer =>
    path.includes('/oauth2/') ? { body: { access_token: 't', expires_in: '180' } } : { body },
  )
  const request = requestFor(bench)
  const rail = railOf(bench, { AIRTEL_BASE_URL: provider.url })
  return await collectOf(rail).check(refOf(request, bench.clock.now()))
}

const answer = (status: string | undefined, code: string, more: object = {}): object => ({
  data: { transaction: status === undefined ? null : { status, message: 'text', ...more } },
  status: { response_code: code, code: '200', success: true, result_code: 'ESB000010', message: 'SUCCESS' },
})

test('only the status of an enquiry counts, and an unlisted status is unknown', async () => {
  const cases: readonly (readonly [body: object, kind: Outcome['kind'], reason?: string])[] = [
    [answer('TS', 'DP00800001001', { airtel_money_id: 'MP210603.1234.L06941' }), 'received'],
    [answer('TIP', 'DP00800001006'), 'pending'],
    [answer('TA', 'DP00800001000'), 'pending'],
    [answer('TF', 'DP00800001007'), 'failed', 'insufficient-funds'],
    [answer('TF', 'DP00800001002'), 'failed', 'wrong-pin'],
    [answer('TF', 'DP00800001008'), 'failed', 'canceled-by-payer'],
    [answer('TF', 'DP99999999999'), 'failed', 'declined'],
    [answer('TE', 'DP00800001029'), 'failed', 'expired'],
    [answer('TX', 'DP00800001001'), 'unknown'],
    [answer(undefined, 'DP00800001025'), 'unknown'],
    [answer('TS', 'DP00800001001', { id: 'another' }), 'unknown'],
  ]
  await using bench = await openRailBench()
  for (const [body, kind, reason] of cases) {
    const outcome = await meaning(bench, body)
    assert.equal(outcome.kind, kind, JSON.stringify(body))
    if (outcome.kind === 'failed') assert.equal(outcome.reason, reason)
    if (outcome.kind === 'received') {
      const [receipt] = outcome.receipts
      assert.deepEqual([receipt?.number, receipt?.stated, receipt?.final], ['MP210603.1234.L06941', false, true])
    }
  }
})

test('a push is sent once in Airtel’s format, and its response means pending, refused or unknown', async () => {
  await using bench = await openRailBench()
  let said: ScriptedAnswer = { body: answer('SUCCESS', 'DP00800001006') }
  await using provider = await openScripted(({ path }) =>
    path.includes('/oauth2/') ? { body: { access_token: 't', expires_in: '180' } } : said,
  )
  const collect = collectOf(railOf(bench, { AIRTEL_BASE_URL: provider.url }))
  const request = requestFor(bench, { description: 'Ärger & Söhne: two mugs, and a very long text' })
  const id = request.attemptId.replace('_', '')
  assert.deepEqual(await collect.start(request), { kind: 'pending', reference: id })
  const sent = provider.received.filter(({ path }) => path.includes('/merchant/'))
  assert.equal(sent.length, 1)
  assert.deepEqual(
    [sent[0]?.path, sent[0]?.headers['x-country'], sent[0]?.headers['x-currency']],
    ['/merchant/v1/payments/', 'KE', 'KES'],
  )
  const place = { country: 'KE', currency: 'KES' }
  assert.deepEqual(JSON.parse(sent[0]?.body.toString() ?? ''), {
    reference: 'Arger Sohne two mugs and',
    subscriber: { ...place, msisdn: '730000001' },
    transaction: { amount: 1500, ...place, id },
  })

  const refused = (code: string): object => ({ data: {}, status: { response_code: code, success: false } })
  for (const [next, kind, reason] of [
    [{ status: 400, body: refused('DP00800001004') }, 'failed', 'limit-exceeded'],
    [{ status: 400, body: refused('DP00000000000') }, 'failed', 'declined'],
    [{ status: 403, body: '<html>' }, 'failed', 'provider-rejected'],
    [{ status: 200, body: refused('DP00800001010') }, 'failed', 'provider-rejected'],
    [{ status: 200, body: refused('DP99999999999') }, 'unknown', undefined],
    [{ status: 500, body: refused('DP00800001007') }, 'unknown', undefined],
  ] as const) {
    said = next
    const outcome = await collect.start(requestFor(bench))
    assert.equal(outcome.kind, kind, JSON.stringify(next))
    assert.equal(outcome.kind === 'failed' ? outcome.reason : undefined, reason)
  }
})

test('a valid token is cached, and a refused token is renewed once', async () => {
  await using bench = await openRailBench()
  const rail = railOf(bench)
  const tokens = { count: 0, good: 't1' }
  await using provider = await openScripted(({ path, headers }): ScriptedAnswer => {
    if (path.includes('/oauth2/')) return { body: { access_token: `t${++tokens.count}`, expires_in: '180' } }
    if (headers.authorization !== `Bearer ${tokens.good}`) return { status: 401, body: { error: 'invalid_token' } }
    return { body: answer('SUCCESS', 'DP00800001006') }
  })
  const collect = collectOf(railOf(bench, { AIRTEL_BASE_URL: provider.url }))
  for (let i = 0; i < 3; i++) assert.equal((await collect.start(requestFor(bench))).kind, 'pending')
  assert.equal(tokens.count, 1)
  tokens.good = 't2'
  assert.equal((await collect.start(requestFor(bench))).kind, 'pending')
  bench.clock.advance(170_000)
  tokens.good = 't3'
  assert.equal((await collect.start(requestFor(bench))).kind, 'pending')
  tokens.good = 'none'
  const refused = await collect.start(requestFor(bench))
  assert.equal(refused.kind === 'failed' && refused.reason, 'provider-unavailable')
  const wrong = railOf(bench, { AIRTEL_CLIENT_SECRET: 'another' })
  assert.equal((await collectOf(wrong).start(requestFor(bench))).kind, 'failed')
  assert.equal(rail.unavailable(), undefined)
})

test('a callback is accepted if its hash matches the key, in both known formats, and only triggers a check', () => {
  const transaction = {
    id: 'att01kd3v0000000000000000000a',
    message: 'Paid “KES” 5,000',
    status_code: 'TS',
    airtel_money_id: 'MP1',
  }
  const hashOf = (message: object, key: string): string =>
    createHmac('sha256', key).update(JSON.stringify(message)).digest('base64')
  const bodyWith = (hash: string | undefined): Buffer => Buffer.from(JSON.stringify({ transaction, hash }))
  const key = 'the portal’s private key'
  assert.equal(isSigned(bodyWith(hashOf({ transaction }, key)), key), true)
  assert.equal(isSigned(bodyWith(hashOf(transaction, key)), key), true)
  for (const hash of [undefined, '', 'AAAA', hashOf({ transaction }, 'another key')])
    assert.equal(isSigned(bodyWith(hash), key), false, hash)
  const changed = Buffer.from(bodyWith(hashOf({ transaction }, key)).toString().replace('5,000', '9,000'))
  assert.equal(isSigned(changed, key), false)

  const [fact] = parseCallback({ rawBody: bodyWith('x'), tokenAttemptId: undefined, receivedAt })
  assert.deepEqual(fact?.about, { attemptId: 'att_01kd3v0000000000000000000a' })
  assert.deepEqual([fact.outcome.kind, fact.needsCheck], ['pending', true])
  const foreign = Buffer.from(JSON.stringify({ transaction: { ...transaction, id: 'BBZMiscxy' } }))
  assert.deepEqual(parseCallback({ rawBody: foreign, tokenAttemptId: undefined, receivedAt }), [])
})

test('without the callback key the endpoint is off; without credentials the rail is off', async () => {
  await using bench = await openRailBench()
  const inbound = { headers: {}, rawBody: Buffer.from('{}'), tokenAttemptId: undefined, now: bench.clock.now() }
  const off = railOf(bench, { AIRTEL_CALLBACK_KEY: undefined }).webhook?.verify(inbound)
  assert.equal(off?.ok === false && off.status, 404)
  const none = railOf(bench, { AIRTEL_CLIENT_ID: undefined, AIRTEL_BASE_URL: undefined })
  assert.match(none.unavailable() ?? '', /set AIRTEL_CLIENT_ID, AIRTEL_BASE_URL$/)
  assert.equal((await collectOf(none).start(requestFor(bench))).kind, 'failed')
  const { problems } = airtelConfig.parse(new Map(), { mode: 'live' })
  assert.deepEqual(problems, [])
})

test('the daily list has payments to the merchant only, and pages until one is empty', async () => {
  await using bench = await openRailBench()
  const line = (id: string, transaction: object, more: object = {}): object => ({
    payer: { currency: 'KES', msisdn: '730000001' },
    service: { type: 'MERCHPAY' },
    transaction: { airtel_money_id: id, amount: '1500', created_at: 1_768_467_600_000, status: 'TS', ...transaction },
    ...more,
  })
  const pages = [
    [line('MP1', {}), line('MP2', { status: 'TF' }), line('CI1', {}, { service: { type: 'CASHIN' } })],
    [
      line(
        'MP3',
        { amount: '20.50', created_at: '1768467600000' },
        { payer: { currency: 'UGX', msisdn: '256730000001' } },
      ),
    ],
  ]
  const status = { success: true, response_code: 'DP00800001001' }
  const asked: string[] = []
  await using provider = await openScripted(({ path }): ScriptedAnswer => {
    if (path.includes('/oauth2/')) return { body: { access_token: 't', expires_in: '180' } }
    asked.push(new URL(path, 'http://x').searchParams.get('offset') ?? '')
    return { body: { data: { transactions: pages.shift() ?? [] }, status } }
  })
  const { statement } = railOf(bench, { AIRTEL_BASE_URL: provider.url })
  const span = { from: receivedAt, to: addMs(receivedAt, 86_400_000), watched: [] }
  const first = await statement?.list({ ...span, cursor: undefined })
  const gross = money(assetOf('KES'), 150_000n)
  assert.deepEqual(first?.lines, [{ id: 'MP1', number: 'MP1', gross, at: receivedAt, payerPhone: '254730000001' }])
  await assert.rejects(
    async () => statement?.list({ ...span, cursor: first?.cursor }),
    /MP3/,
    'half a shilling of Uganda',
  )
  assert.deepEqual(await statement?.list({ ...span, cursor: '4' }), { lines: [], cursor: undefined })
  assert.deepEqual(asked, ['0', '3', '4'])
  assert.match(
    railOf(bench, { AIRTEL_TRANSACTIONS_SUMMARY: 'false' }).statement?.unavailable?.() ?? '',
    /AIRTEL_TRANSACTIONS_SUMMARY=true/,
  )
})
