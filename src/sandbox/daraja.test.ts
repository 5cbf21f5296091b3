import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRailBench, type RailBench } from '../../test/rails.ts'

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
const KEYS = basic('sandbox-consumer-key:sandbox-consumer-secret')

interface Answer {
  status: number
  body: Record<string, unknown>
}

async function call(bench: RailBench, path: string, authorization: string, body?: object): Promise<Answer> {
  const { fetch, simulators } = bench
  const answer = await fetch({
    method: body ? 'POST' : 'GET',
    url: `${simulators.url}/sandbox/daraja${path}`,
    headers: { authorization, 'content-type': 'application/json' },
    ...(body ? { body: JSON.stringify(body) } : {}),
    label: 'test',
  })
  return { status: answer.status, body: answer.json() as Record<string, unknown> }
}

async function tokenOf(bench: RailBench): Promise<string> {
  const { body } = await call(bench, '/oauth/v1/generate?grant_type=client_credentials', KEYS)
  return `Bearer ${String(body.access_token)}`
}

const pushOf = (bench: RailBench, changed: object = {}): Record<string, unknown> => ({
  BusinessShortCode: '174379',
  Password: Buffer.from('174379sandbox-passkey20260115120000').toString('base64'),
  Timestamp: '20260115120000',
  TransactionType: 'CustomerPayBillOnline',
  Amount: '1500',
  PartyA: '254712345678',
  PartyB: '174379',
  PhoneNumber: '254712345678',
  CallBackURL: `${bench.receiver.url}/callback`,
  AccountReference: 'Mama Njeri',
  TransactionDesc: 'Order 42',
  ...changed,
})
const PUSH = '/mpesa/stkpush/v1/processrequest'
const QUERY = '/mpesa/stkpushquery/v1/query'

test('Daraja issues a token for its keys only and accepts it for an hour', async () => {
  await using bench = await openRailBench()
  assert.equal((await call(bench, '/oauth/v1/generate', basic('a:b'))).body.errorCode, '400.008.01')
  const token = await tokenOf(bench)
  assert.equal((await call(bench, PUSH, token, pushOf(bench))).status, 200)
  bench.clock.advance(3_600_000)
  for (const wrong of [token, 'Bearer x', 'Bearer 9999999999999.abc', '']) {
    const { status, body } = await call(bench, PUSH, wrong, pushOf(bench))
    assert.deepEqual([status, body.errorCode], [404, '404.001.03'], wrong)
  }
})

const REFUSED = {
  Amount: ['0', '-5', '1.50', '150001', 'many', 1.5],
  PhoneNumber: ['0712345678', '254812345678', '+254712345678'],
  CallBackURL: ['nonsense', 'ftp://x'],
  AccountReference: ['', 'thirteen chars'],
  TransactionDesc: ['', 'fourteen chars!'],
  TransactionType: ['PayBill'],
  Timestamp: ['2026'],
} as const

test('Daraja refuses invalid fields like the real API', async () => {
  await using bench = await openRailBench()
  const token = await tokenOf(bench)
  for (const [field, values] of Object.entries(REFUSED)) {
    for (const value of values) {
      const { status, body } = await call(bench, PUSH, token, pushOf(bench, { [field]: value }))
      assert.deepEqual(
        [status, body.errorCode, body.errorMessage],
        [400, '400.002.02', `Bad Request - Invalid ${field}`],
      )
    }
  }
  for (const CallBackURL of ['http://10.0.0.1/', 'https://shop.example/']) {
    const { status, body } = await call(bench, PUSH, token, pushOf(bench, { CallBackURL }))
    assert.equal(status, 400)
    assert.match(String(body.errorMessage), /Invalid CallBackURL: the sandbox delivers only to/)
  }
  const wrong = await call(bench, PUSH, token, pushOf(bench, { Password: 'x' }))
  assert.deepEqual([wrong.status, wrong.body.errorMessage], [500, '[MerchantValidate] - Wrong credentials'])
})

test('any other phone waits for manual action, and its callback is sent once even when it is refused', async () => {
  await using bench = await openRailBench()
  const token = await tokenOf(bench)
  const { body } = await call(bench, PUSH, token, pushOf(bench))
  const id = String(body.CheckoutRequestID)
  const { Amount: _, ...query } = pushOf(bench, { CheckoutRequestID: id })
  assert.equal((await call(bench, QUERY, token, query)).body.ResultCode, '4999')
  bench.receiver.refusals.push(500)

  const phone = `${bench.simulators.url}/sandbox/phone/0712345678`
  const waiting = await bench.fetch({ url: phone, label: 'test' })
  const { prompts } = waiting.json() as { prompts: { id: string; amount: string }[] }
  assert.deepEqual(
    prompts.map((prompt) => [prompt.id, prompt.amount]),
    [[id, '1500']],
  )
  const act = (action: string) => bench.fetch({ method: 'POST', url: `${phone}/${action}`, label: 'test' })
  assert.equal((await act('approve')).status, 200)
  assert.equal((await act('decline')).status, 404, 'a decided prompt cannot change')
  bench.clock.advance(3_600_000)
  await bench.simulators.runDue()
  assert.equal(bench.receiver.received.length, 1)
  assert.match(bench.receiver.received[0]?.body.toString() ?? '', /"ResultCode":0,.*"Amount","Value":1500\.00/)
  assert.equal((await call(bench, QUERY, await tokenOf(bench), query)).body.ResultCode, '0')
})

test('a prompt is declined, ignored or times out', async () => {
  await using bench = await openRailBench()
  const token = await tokenOf(bench)
  const codes: string[] = []
  for (const action of ['decline', 'ignore', undefined]) {
    const { body } = await call(bench, PUSH, token, pushOf(bench))
    const url = `${bench.simulators.url}/sandbox/phone/254712345678/${action ?? ''}`
    if (action) assert.equal((await bench.fetch({ method: 'POST', url, label: 'test' })).status, 200)
    bench.clock.advance(120_000)
    await bench.simulators.runDue()
    const { Amount: _, ...query } = pushOf(bench, { CheckoutRequestID: body.CheckoutRequestID })
    codes.push(String((await call(bench, QUERY, token, query)).body.ResultCode))
  }
  assert.deepEqual(codes, ['1032', '1037', '1037'])
  assert.equal(bench.receiver.received.length, 3)
})

test('the controls describe themselves and refuse invalid numbers', async () => {
  await using bench = await openRailBench()
  const { fetch, simulators } = bench
  const list = await fetch({ url: `${simulators.url}/sandbox/controls`, label: 'test' })
  assert.ok('POST /sandbox/phone/{msisdn}/approve' in (list.json() as object))
  const bad = await fetch({ url: `${simulators.url}/sandbox/phone/12345`, label: 'test' })
  assert.equal(bad.status, 422)
})
