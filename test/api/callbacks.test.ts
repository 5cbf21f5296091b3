import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { after, test } from 'node:test'
import { sql } from '#platform/database/db'
import { openWorld } from '../world.ts'
import {
  assertBooksHold,
  available,
  create,
  find,
  leap,
  countMoneyRows,
  PAYMENTS,
  securityEvents,
  start,
} from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

interface Prompt {
  readonly id: string
  readonly merchantRequestId: string
  readonly phone: string
  readonly url: string
}

/** Reads what only Safaricom knows: the callback URL and ids of the phone's last prompt. */
const promptOf = (phone: string): Promise<Prompt> =>
  world.database.owner.one<Prompt>(sql`select id, merchant_request_id as "merchantRequestId", phone, callback_url as url
    from sandbox.prompts where phone = ${phone} order by created_at desc, id desc limit 1`)

const success = ({ id, merchantRequestId, phone }: Prompt, amount = '1500.00', number = 'SFORGED001'): string =>
  JSON.stringify({
    Body: {
      stkCallback: {
        MerchantRequestID: merchantRequestId,
        CheckoutRequestID: id,
        ResultCode: 0,
        ResultDesc: 'The service request is processed successfully.',
        CallbackMetadata: {
          Item: [
            { Name: 'Amount', Value: Number(amount) },
            { Name: 'MpesaReceiptNumber', Value: number },
            { Name: 'TransactionDate', Value: 20260115120000 },
            { Name: 'PhoneNumber', Value: Number(phone) },
          ],
        },
      },
    },
  })

const post = async (url: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<number> => {
  const content = { 'content-type': 'application/json', ...headers }
  const answer = await fetch(url, { method: 'POST', body: body as string, headers: content })
  await answer.text()
  return answer.status
}

/** Creates a payment whose phone waits for manual action. */
async function waiting(phone: string): Promise<{ id: string; prompt: Prompt }> {
  const { id } = await create(world)
  await start(world, id, phone)
  return { id, prompt: await promptOf(phone) }
}

/** Returns the payments as money and API show them. */
const seen = async (ids: readonly string[]) => ({
  money: await countMoneyRows(world),
  available: await available(world),
  payments: await Promise.all(ids.map((id) => find(world, id))),
})

/** Sends requests, waits for their handling, and checks that nothing changed and that these security events were logged. */
async function changesNothing(
  ids: readonly string[],
  act: () => Promise<number>,
  expected: { status: number; event: string },
  what: string,
): Promise<void> {
  const before = await seen(ids)
  const events = securityEvents(world).length
  assert.equal(await act(), expected.status, what)
  await world.advance(2000)
  assert.deepEqual(await seen(ids), before, what)
  assert.deepEqual([...new Set(securityEvents(world).slice(events))], [expected.event], what)
}

const decide = async (phone: string, action: 'approve' | 'decline'): Promise<void> => {
  assert.equal((await world.api('POST', `/sandbox/phone/${phone}/${action}`, {})).status, 200)
  await world.advance(1000)
}

void test('forged: without a token, or with an invalid one', async () => {
  const { id, prompt } = await waiting('254711000101')
  const other = await waiting('254711000102')
  const [base = '', token = ''] = prompt.url.split(/\/(?=att_)/)
  const [attempt = '', mac = ''] = token.split('.')
  const [otherAttempt = ''] = (other.prompt.url.split('/').at(-1) ?? '').split('.')
  const forged: readonly [path: string, status: number, event: string][] = [
    [base, 404, 'forged-callback'],
    [`${base}/${attempt}`, 401, 'forged-token'],
    [`${base}/${attempt}.`, 401, 'forged-token'],
    [`${base}/${attempt}.${'0'.repeat(mac.length)}`, 401, 'forged-token'],
    [`${base}/${attempt}.${mac.slice(0, -1)}`, 401, 'forged-token'],
    [`${base}/${attempt}.${mac}0`, 401, 'forged-token'],
    [`${base}/${attempt}.${mac.toUpperCase()}`, 401, 'forged-token'],
    [`${base}/${otherAttempt}.${mac}`, 401, 'forged-token'],
    [`${base}/${attempt}.${mac}.${mac}`, 401, 'forged-token'],
  ]
  for (const [path, status, event] of forged)
    await changesNothing([id, other.id], () => post(path, success(prompt)), { status, event }, path)
  const logged = JSON.stringify(world.log.entries)
  assert.ok(!logged.includes(mac), 'no token is logged')
  const stored = await world.app.db.one<{ count: number }>(sql`select count(*)::int as count from inbox.events`)
  assert.equal(stored.count, 0, 'forged callbacks are not stored in the inbox')
})

void test('forged with a leaked token: only money that the provider confirms is credited', async () => {
  const { id, prompt } = await waiting('254711000103')
  const before = await seen([id])
  assert.equal(await post(prompt.url, success(prompt)), 200)
  await world.advance(2000)
  const meanwhile = await seen([id])
  assert.deepEqual(meanwhile.money, before.money)
  assert.equal(meanwhile.payments[0].status, 'processing')
  await decide('254711000103', 'decline')
  await world.advance(30_000)
  const afterwards = await seen([id])
  assert.deepEqual([afterwards.money, afterwards.available], [before.money, before.available])
  assert.deepEqual(
    [afterwards.payments[0].status, afterwards.payments[0].attempts[0].reason],
    ['open', 'canceled-by-payer'],
  )
  assert.ok(securityEvents(world).includes('event-contradicted'))
})

void test('foreign: another attempt’s callback at this attempt’s URL, another phone, another amount', async () => {
  const mine = await waiting('254711000104')
  const theirs = await waiting('254711000105')
  const ids = [mine.id, theirs.id]
  // The other payment is paid at the provider, so a query would confirm it.
  await decide('254711000105', 'approve')
  const cases: readonly [body: string, event: string][] = [
    [success(theirs.prompt), 'reference-mismatch'],
    [success({ ...mine.prompt, phone: '254722000001' }), 'phone-mismatch'],
    [success(mine.prompt, '1501.00'), 'amount-mismatch'],
    [success(mine.prompt, '150000.00'), 'amount-mismatch'],
  ]
  for (const [body, event] of cases)
    await changesNothing(ids, () => post(mine.prompt.url, body), { status: 200, event }, event)
  // The genuine callback is still accepted afterwards.
  await decide('254711000104', 'approve')
  assert.equal((await find(world, mine.id)).status, 'paid')
})

void test('replayed: a repeated callback gets the same response and changes nothing', async () => {
  const { id, prompt } = await waiting('254711000106')
  await decide('254711000106', 'approve')
  const { raw } = await world.database.owner.one<{ raw: Buffer }>(sql`select raw from inbox.events
    where token_subject = ${(await find(world, id)).attempts[0].id} limit 1`)
  const event = { status: 200, event: 'replayed-callback' }
  await changesNothing([id], () => post(prompt.url, raw), event, 'unchanged bytes')
  const sendConcurrently = async (): Promise<number> => {
    const all = await Promise.all(Array.from({ length: 20 }, () => post(prompt.url, raw)))
    return Math.max(...all)
  }
  await changesNothing([id], sendConcurrently, event, 'twenty concurrent copies')
  const before = await seen([id])
  assert.equal(await post(prompt.url, ` ${raw.toString()}`), 200)
  assert.equal(await post(prompt.url, raw.toString().replace('"ResultCode":0', '"ResultCode":"0"')), 200)
  await world.advance(2000)
  assert.deepEqual(await seen([id]), before, 'with other bytes')
})

void test('contradicting: a failure after the payment, and another amount for the same receipt', async () => {
  const { id, prompt } = await waiting('254711000107')
  await decide('254711000107', 'approve')
  const failure = JSON.stringify({
    Body: {
      stkCallback: {
        MerchantRequestID: prompt.merchantRequestId,
        CheckoutRequestID: prompt.id,
        ResultCode: 1032,
        ResultDesc: 'Request cancelled by user',
      },
    },
  })
  const before = await seen([id])
  assert.equal(await post(prompt.url, failure), 200)
  await world.advance(2000)
  assert.deepEqual(await seen([id]), before, 'it stays paid')
  const conflict = { status: 200, event: 'amount-conflict' }
  await changesNothing([id], () => post(prompt.url, success(prompt, '1.00')), conflict, 'less money')
})

void test('malformed: refused, or kept for review when the token is valid', async () => {
  const { id, prompt } = await waiting('254711000108')
  const refused: readonly (string | Uint8Array)[] = [
    '',
    'not json',
    '[]',
    '"text"',
    'null',
    '{"Body":',
    '\u0000',
    Uint8Array.of(0xff, 0xfe),
  ]
  for (const body of refused)
    await changesNothing(
      [id],
      () => post(prompt.url, body),
      { status: 400, event: 'forged-callback' },
      JSON.stringify(body),
    )
  const odd = [
    '{}',
    '{"Body":{}}',
    '{"Body":{"stkCallback":null}}',
    JSON.stringify({ Body: { stkCallback: { CheckoutRequestID: 7 } } }),
    success(prompt).replace('"Value":1500', '"Value":"lots"'),
    success(prompt).replace('"Value":1500', '"Value":-1500'),
    success(prompt).replace('"Value":1500', '"Value":0'),
    success(prompt).replace('"Value":1500', '"Value":1500.005'),
  ]
  for (const body of odd)
    await changesNothing([id], () => post(prompt.url, body), { status: 200, event: 'malformed-event' }, body)
  const parked = await world.app.db.one<{ count: number }>(
    sql`select count(*)::int as count from inbox.events where state = 'parked' and note like 'not understood%'`,
  )
  assert.equal(parked.count, odd.length)
  await decide('254711000108', 'approve')
  assert.equal((await find(world, id)).status, 'paid', 'the genuine callback is still accepted')
})

void test('too large, with another HTTP method, or for another rail', async () => {
  const { id, prompt } = await waiting('254711000109')
  const before = await seen([id])
  assert.equal(await post(prompt.url, `{"x":"${'x'.repeat(300_000)}"}`), 413)
  assert.equal((await fetch(prompt.url)).status, 405)
  assert.equal(await post(prompt.url.replace(/webhook\/\w+/, 'webhook/paypal'), success(prompt)), 404)
  await world.advance(2000)
  assert.deepEqual(await seen([id]), before)
  const token = prompt.url.split('/').at(-1) ?? ''
  const unsigned = { status: 401, event: 'forged-callback' }
  await changesNothing(
    [id],
    () => post(`${world.url}/api/webhook/stripe/${token}`, success(prompt)),
    unsigned,
    'stripe',
  )
})

// Cards

const STRIPE = `${world.url}/api/webhook/stripe`
/** Signs like the sandbox’s Stripe. */
const sign = (body: string, secret = 'whsec_sandbox', at = world.clock.now()): Record<string, string> => {
  const seconds = Math.floor(at.getTime() / 1000)
  const mac = createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')
  return { 'stripe-signature': `t=${seconds},v1=${mac}` }
}

async function cardPayment(): Promise<{ id: string; attempt: any; session: string }> {
  const { id } = await create(world)
  const { body: attempt } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'card' })
  return { id, attempt, session: /cs_\w+/.exec(attempt.redirect_url)?.[0] ?? '' }
}

const eventOf = (
  object: object,
  { type = 'checkout.session.completed', id = 'evt_1', livemode = false } = {},
): string =>
  JSON.stringify({
    id,
    object: 'event',
    type,
    livemode,
    created: Math.floor(world.clock.now().getTime() / 1000),
    data: { object },
  })

const completed = ({ attempt, session }: { attempt: any; session: string }): object => ({
  id: session,
  object: 'checkout.session',
  client_reference_id: attempt.id,
  metadata: { purser_attempt: attempt.id },
  status: 'complete',
  payment_status: 'paid',
  amount_total: 150_000,
  currency: 'kes',
})

void test('card events without a valid Stripe signature', async () => {
  const card = await cardPayment()
  const body = eventOf(completed(card))
  const old = new Date(world.clock.now().getTime() - 600_000)
  const cases: readonly [headers: Record<string, string>, what: string][] = [
    [{}, 'unsigned'],
    [{ 'stripe-signature': '' }, 'empty'],
    [{ 'stripe-signature': 't=1,v1=00' }, 'made up'],
    [sign(body, 'whsec_another'), 'by another secret'],
    [sign(`${body} `), 'of another body'],
    [sign(body, 'whsec_sandbox', old), 'ten minutes ago'],
  ]
  const expected = { status: 401, event: 'forged-callback' }
  for (const [headers, what] of cases)
    await changesNothing([card.id], () => post(STRIPE, body, headers), expected, what)
  for (const text of ['', 'not json', '[]'])
    await changesNothing([card.id], () => post(STRIPE, text, sign(text)), expected, text)
  const live = eventOf(completed(card), { livemode: true })
  const wrongMode = { status: 400, event: 'forged-callback' }
  await changesNothing([card.id], () => post(STRIPE, live, sign(live)), wrongMode, 'an event of live mode')
})

void test('a signed card event only triggers one query, and the query decides', async () => {
  const card = await cardPayment()
  const before = await seen([card.id])
  const body = eventOf(completed(card), { id: 'evt_early' })
  assert.equal(await post(STRIPE, body, sign(body)), 200)
  await world.advance(2000)
  assert.deepEqual(await seen([card.id]), before, 'the event says paid, Stripe says open')
  const event = { status: 200, event: 'replayed-callback' }
  await changesNothing([card.id], () => post(STRIPE, body, sign(body)), event, 'replayed')

  const foreign = eventOf({ ...completed(card), id: 'cs_of_another_program', metadata: {} }, { id: 'evt_foreign' })
  assert.equal(await post(STRIPE, foreign, sign(foreign)), 200)
  await world.advance(2000)
  assert.deepEqual(await seen([card.id]), before, 'an event of another program on the same account')

  const form = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Asha' })
  await fetch(card.attempt.redirect_url, { method: 'POST', body: form })
  await world.advance(5000)
  assert.equal((await find(world, card.id)).status, 'paid')
})

void test('the books hold afterwards', async () => {
  await leap(world, 3_600_000)
  await assertBooksHold(world)
})
