import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { createSetClock } from '#platform/base/clock'
import { createFetch } from '#platform/web/fetch'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { Secret } from '#platform/base/secrets'
import { openScripted, type Received, type ScriptedAnswer } from '../../../test/faulty.ts'
import { createDaraja, DarajaError, eatTimestamp, parseEatTimestamp, type Daraja, type StkPush } from './index.ts'

const fetch = createFetch({ log: silentLog, metrics: createMetrics({ defaults: false }), mode: 'sandbox' })
after(() => fetch.close())

const PUSH: StkPush = {
  transactionType: 'CustomerPayBillOnline',
  shillings: 1500n,
  phone: '254712345678',
  partyB: '174379',
  callbackUrl: 'https://pay.example/api/webhook/stk/secret-path',
  accountReference: 'Mama Njeri',
  description: 'Order 42',
}
const ACCEPTED = {
  MerchantRequestID: '29115-34620561-1',
  CheckoutRequestID: 'ws_CO_191220191020363925',
  ResponseCode: '0',
  ResponseDescription: 'Success. Request accepted for processing',
  CustomerMessage: 'Success. Request accepted for processing',
}
const isToken = (request: Received): boolean => request.path.startsWith('/oauth/')
const clock = createSetClock(new Date('2026-01-15T09:00:00Z'))

/** Opens a client whose tokens are t1, t2, …; `say` answers its other requests. */
async function openClient(say: (request: Received, count: number) => ScriptedAnswer, expires: unknown = '3599') {
  let tokens = 0
  let count = 0
  const server = await openScripted((request) =>
    isToken(request) ? { body: { access_token: `t${++tokens}`, expires_in: expires } } : say(request, ++count),
  )
  const secrets = {
    consumerKey: new Secret('the-key'),
    consumerSecret: new Secret('the-secret'),
    passkey: new Secret('the-passkey'),
  }
  let changed = {}
  const settings = () => ({ baseUrl: server.url, shortcode: '174379', ...secrets, ...changed })
  const daraja = createDaraja({ fetch, clock, settings })
  return {
    daraja,
    tokens: () => tokens,
    sent: () => server.received.filter((request) => !isToken(request)),
    change: (other: object) => void (changed = other),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

async function failureOf(act: (daraja: Daraja) => Promise<unknown>, daraja: Daraja): Promise<DarajaError> {
  const error: unknown = await act(daraja).then(
    () => assert.fail('it did not fail'),
    (thrown: unknown) => thrown,
  )
  assert.ok(error instanceof DarajaError, String(error))
  return error
}

test('a push has the fields that Daraja requires, with times in East Africa Time', async () => {
  await using t = await openClient(() => ({ body: ACCEPTED }))
  assert.deepEqual(await t.daraja.stkPush(PUSH), {
    checkoutRequestId: 'ws_CO_191220191020363925',
    merchantRequestId: '29115-34620561-1',
  })
  const [request] = t.sent()
  assert.equal(request?.headers.authorization, 'Bearer t1')
  assert.deepEqual(JSON.parse(request?.body.toString() ?? ''), {
    BusinessShortCode: '174379',
    Password: Buffer.from('174379the-passkey20260115120000').toString('base64'),
    Timestamp: '20260115120000',
    TransactionType: 'CustomerPayBillOnline',
    Amount: '1500',
    PartyA: '254712345678',
    PartyB: '174379',
    PhoneNumber: '254712345678',
    CallBackURL: 'https://pay.example/api/webhook/stk/secret-path',
    AccountReference: 'Mama Njeri',
    TransactionDesc: 'Order 42',
  })
})

test('concurrent calls fetch one token; it is renewed a minute before it expires', async () => {
  for (const expires of ['3599', 3599]) {
    await using t = await openClient(() => ({ body: ACCEPTED }), expires)
    await Promise.all(Array.from({ length: 20 }, () => t.daraja.stkPush(PUSH)))
    assert.equal(t.tokens(), 1)
    clock.advance(3_538_000)
    await t.daraja.stkPush(PUSH)
    assert.equal(t.tokens(), 1)
    clock.advance(2_000)
    await t.daraja.stkPush(PUSH)
    assert.equal(t.tokens(), 2)
  }
})

test('changed credentials fetch a new token at once', async () => {
  await using t = await openClient(() => ({ body: ACCEPTED }))
  await t.daraja.stkPush(PUSH)
  t.change({ consumerKey: new Secret('another-key') })
  await t.daraja.stkPush(PUSH)
  assert.equal(t.sent()[1]?.headers.authorization, 'Bearer t2')
})

test('a refused token is renewed once, and the request sent again', async () => {
  const refused = {
    status: 404,
    body: { requestId: '1', errorCode: '404.001.03', errorMessage: 'Invalid Access Token' },
  }
  for (const refusal of [refused, { status: 401, body: '' }]) {
    await using t = await openClient((_, count) => (count === 1 ? refusal : { body: ACCEPTED }))
    await t.daraja.stkPush(PUSH)
    assert.deepEqual(
      t.sent().map(({ headers }) => headers.authorization),
      ['Bearer t1', 'Bearer t2'],
    )
  }
  await using t = await openClient(() => refused)
  const failure = await failureOf((daraja) => daraja.stkPush(PUSH), t.daraja)
  assert.equal(failure.code, 'daraja.unauthorized')
  assert.equal(failure.maybeActed, false)
  assert.equal(t.sent().length, 2)
})

const ERRORS = [
  [400, '400.002.02', 'Bad Request - Invalid PhoneNumber', 'daraja.rejected', false],
  [200, '400.002.02', 'Bad Request - Invalid Amount', 'daraja.rejected', false],
  [429, '429.001.01', 'Spike arrest violation', 'daraja.rejected', false],
  [500, '500.001.1001', '[MerchantValidate] - Wrong credentials', 'daraja.rejected', false],
  [500, '500.001.1001', 'Unable to lock subscriber', 'daraja.unavailable', true],
  [503, '500.003.02', 'System is busy', 'daraja.unavailable', true],
  [408, '408', 'Request timeout', 'daraja.unavailable', true],
] as const

for (const [status, errorCode, errorMessage, code, maybeActed] of ERRORS) {
  test(`error ${status} ${errorCode} ${errorMessage}: ${maybeActed ? 'may have acted' : 'certainly did nothing'}`, async () => {
    await using t = await openClient(() => ({
      status,
      body: { requestId: '4788-81090592-4', errorCode, errorMessage },
    }))
    const failure = await failureOf((daraja) => daraja.stkPush(PUSH), t.daraja)
    assert.deepEqual(
      [failure.code, failure.maybeActed, failure.errorCode, failure.requestId],
      [code, maybeActed, errorCode, '4788-81090592-4'],
    )
  })
}

test('a response that is not accepted, or accepted without an id, is an error', async () => {
  await using no = await openClient(() => ({
    body: { ...ACCEPTED, ResponseCode: '1', ResponseDescription: 'Rejected' },
  }))
  assert.equal((await failureOf((daraja) => daraja.stkPush(PUSH), no.daraja)).maybeActed, false)
  await using odd = await openClient(() => ({ body: { ResponseCode: 0, ResponseDescription: 'Success' } }))
  assert.equal((await failureOf((daraja) => daraja.stkPush(PUSH), odd.daraja)).maybeActed, true)
})

test('when no token can be fetched, nothing was sent, whatever the reason', async () => {
  for (const status of [400, 500, 200]) {
    await using server = await openScripted(() => ({
      status,
      body: { errorCode: '500.1', errorMessage: 'no the-secret here' },
    }))
    const secret = new Secret('the-secret')
    const settings = () => ({
      baseUrl: server.url,
      shortcode: '1',
      consumerKey: secret,
      consumerSecret: secret,
      passkey: secret,
    })
    const daraja = createDaraja({ fetch, clock, settings })
    const failure = await failureOf((each) => each.stkPush(PUSH), daraja)
    assert.equal(failure.maybeActed, false)
    assert.doesNotMatch(failure.message, /the-secret/)
  }
})

test('an error contains no secret that Daraja repeats', async () => {
  await using t = await openClient(({ body, headers }) => {
    const { Password: password, CallBackURL: url } = JSON.parse(body.toString()) as {
      Password: string
      CallBackURL: string
    }
    const errorMessage = `Bad ${password} for ${url} with ${String(headers.authorization)} and the-passkey`
    return { status: 400, body: { requestId: '1', errorCode: '400.002.02', errorMessage } }
  })
  const { message } = await failureOf((daraja) => daraja.stkPush(PUSH), t.daraja)
  assert.equal(
    message,
    'Daraja: the request was refused (400 400.002.02 Bad [secret] for [secret] with Bearer [secret] and [secret])',
  )
})

test('the query accepts codes as text or number', async () => {
  for (const ResultCode of ['1032', 1032]) {
    const body = {
      ResponseCode: '0',
      CheckoutRequestID: 'ws_CO_1',
      ResultCode,
      ResultDesc: 'Request cancelled by user',
    }
    await using t = await openClient(() => ({ body }))
    assert.deepEqual(await t.daraja.stkQuery('ws_CO_1'), {
      resultCode: '1032',
      resultDesc: 'Request cancelled by user',
      checkoutRequestId: 'ws_CO_1',
    })
  }
})

test('timestamps are formatted and parsed in East Africa Time', () => {
  assert.equal(eatTimestamp(new Date('2025-12-31T22:30:05Z')), '20260101013005')
  assert.deepEqual(parseEatTimestamp(20260101013005), new Date('2025-12-31T22:30:05Z'))
  assert.deepEqual(parseEatTimestamp('20260101013005'), new Date('2025-12-31T22:30:05Z'))
  for (const wrong of ['', '2026', '20261301000000', 20260101]) assert.equal(parseEatTimestamp(wrong), undefined)
})

test('Pull Transactions is requested in East Africa Time without the password; its values stay text', async () => {
  const body = {
    ResponseRefID: '26178-42530161-2',
    ResponseCode: '1000',
    ResponseMessage: 'Success',
    Response: [
      [
        {
          transactionId: 'yutyrtyf',
          trxDate: '2026-01-15T10:13:00Z',
          msisdn: 254722000000,
          sender: 'UAT2',
          transactiontype: 'c2b-pay-bill-debit',
          billreference: '37207636392',
          amount: '168.00',
          organizationname: 'Daraja Pull API Test',
        },
      ],
    ],
  }
  const span = { from: new Date('2026-01-14T21:00:00Z'), to: new Date('2026-01-15T21:00:00Z') }
  await using t = await openClient((_, count) => ({ body: count === 1 ? body : { ResponseCode: '1001' } }))
  assert.deepEqual(await t.daraja.pull({ ...span, offset: 0 }), [
    { id: 'yutyrtyf', at: '2026-01-15T10:13:00Z', phone: '254722000000', amount: '168.00' },
  ])
  assert.deepEqual(await t.daraja.pull({ ...span, offset: 1 }), [], 'nothing more')
  assert.deepEqual(JSON.parse(t.sent()[0]?.body.toString() ?? ''), {
    ShortCode: '174379',
    StartDate: '2026-01-15 00:00:00',
    EndDate: '2026-01-16 00:00:00',
    OffSetValue: '0',
  })
  await using odd = await openClient(() => ({ body: { Response: [[{ amount: '1' }]] } }))
  assert.equal((await failureOf((daraja) => daraja.pull({ ...span, offset: 0 }), odd.daraja)).code, 'daraja.bad-answer')
})
