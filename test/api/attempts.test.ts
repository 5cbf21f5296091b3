import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { addMs } from '#platform/base/clock'
import { openWorld } from '../world.ts'
import {
  assertBooksHold,
  assertRefused,
  available,
  create,
  find,
  leap,
  ledgerBalance,
  paid,
  PAYMENTS,
  prompt,
  start,
} from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const startWith = (id: string, body: unknown) => world.api('POST', `${PAYMENTS}/${id}/attempts`, body)
const approve = async (phone: string, action = 'approve'): Promise<void> => {
  const answer = await world.api('POST', `/sandbox/phone/${phone}/${action}`, {})
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  await world.advance(1000)
}

void test('an attempt is returned as documented', async () => {
  const { id } = await create(world)
  const answer = await prompt(world, id, '254711000010')
  assert.equal(answer.status, 201)
  const { id: attemptId, ...rest } = answer.body
  assert.match(attemptId, /^att_[0-9a-z]+$/)
  const payment = await find(world, id)
  assert.deepEqual(rest, {
    object: 'attempt',
    payment: id,
    method: 'mpesa',
    status: 'pending',
    reason: null,
    amount: payment.amount,
    currency: 'KES',
    rate: null,
    redirect_url: null,
    address: null,
    code: null,
    sent_at: null,
    payment_uri: null,
    amount_due: null,
    arrivals: [],
    expires_at: addMs(world.clock.now(), 180_000).toISOString(),
    created_at: world.clock.now().toISOString(),
  })
  assert.deepEqual([payment.status, payment.version > 1], ['processing', true])
  assert.deepEqual(payment.attempts, [answer.body])
})

void test('the payer approves: the payment is paid and the merchant has the money', async () => {
  const before = await available(world)
  const { id } = await create(world, { amount: '250' })
  await start(world, id, '254711000011')
  await approve('254711000011')
  const payment = await find(world, id)
  assert.deepEqual(
    [payment.status, payment.amount_received, payment.amount_due, payment.attempts[0].status],
    ['paid', '250.00', '0.00', 'settled'],
  )
  assert.equal(Number(await available(world)) - Number(before), 250)
})

void test('a declined prompt leaves the payment open for another attempt', async () => {
  const { id } = await create(world)
  await start(world, id, '254711000012')
  await approve('254711000012', 'decline')
  const declined = await find(world, id)
  assert.deepEqual([declined.status, declined.attempts[0].reason], ['open', 'canceled-by-payer'])
  await start(world, id, '254711000012')
  await approve('254711000012')
  assert.equal((await find(world, id)).status, 'paid')
})

void test('a card attempt has a hosted page, and a repeat returns the same page', async () => {
  const { id } = await create(world)
  const first = await startWith(id, { method: 'card' })
  assert.deepEqual([first.status, first.body.status], [201, 'pending'])
  assert.match(first.body.redirect_url, /^http.*\/sandbox\/stripe\/pay\/cs_/)
  assert.equal((await fetch(first.body.redirect_url)).status, 200)
  const again = await startWith(id, { method: 'card' })
  assert.deepEqual([again.status, again.body.id], [201, first.body.id])
  assert.equal((await find(world, id)).status, 'open', 'an open card page does not block the payment')
})

void test('only one prompt at a time', async () => {
  const { id } = await create(world)
  await start(world, id, '254711000013')
  const second = await prompt(world, id, '254711000014')
  assertRefused(second, { status: 409, code: 'payments.attempt-in-flight', says: /already in progress/ })
  assert.match(second.headers.get('retry-after') ?? '', /^\d+$/)
  const many = await Promise.all(Array.from({ length: 20 }, () => prompt(world, id, '254711000015')))
  assert.deepEqual(new Set(many.map(({ status }) => status)), new Set([409]))

  const other = await create(world)
  const atOnce = await Promise.all(Array.from({ length: 20 }, () => prompt(world, other.id, '254711000016')))
  assert.equal(atOnce.filter(({ status }) => status === 201).length, 1, 'also among concurrent requests')
  assert.equal((await find(world, other.id)).attempts.length, 1)
})

void test('a phone number is accepted in every common notation', async () => {
  const forms = [
    '0711 000 021',
    '+254 (0) 711 000 021',
    '00254711000021',
    '2540711000021',
    'tel:+254711000021',
    '０７１１００００２１',
  ]
  for (const phone of [...forms, '\u202A+254711000021\u202C\u200B']) {
    const { id } = await create(world)
    const { status, body } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'mpesa', phone })
    assert.equal(status, 201, `${phone} ${JSON.stringify(body)}`)
  }
  const { body } = await world.api('GET', '/sandbox/phone/254711000021')
  assert.equal(body.prompts.length, forms.length + 1)
})

void test('invalid input is refused with the field and advice', async () => {
  const { id } = await create(world)
  const phone = /Kenyan mobile number.*254712345678/
  const cases: readonly [body: unknown, code: string, param: string | undefined, says: RegExp][] = [
    [{}, 'validation-failed', 'method', /method is missing/],
    [{ method: 7 }, 'validation-failed', 'method', /string/],
    [
      { method: 'barter' },
      'payments.method-not-allowed',
      'method',
      /choose mpesa, airtel, card, bitcoin, or transfer\./,
    ],
    [{ method: 'mpesa' }, 'payments.payer-incomplete', 'phone', /needs the payer’s phone/],
    [{ method: 'mpesa', phone: '0812345678' }, 'validation-failed', 'phone', phone],
    [{ method: 'mpesa', phone: '+44 7911 123456' }, 'validation-failed', 'phone', phone],
    [{ method: 'mpesa', phone: '0'.repeat(1000) }, 'validation-failed', 'phone', phone],
    [{ method: 'mpesa', phone: '25471234567' }, 'validation-failed', 'phone', phone],
    [{ method: 'mpesa', phone: '2547123456789' }, 'validation-failed', 'phone', phone],
    [{ method: 'mpesa', phone: '255712345678' }, 'validation-failed', 'phone', phone],
    [{ method: 'mpesa', phone: 'call me' }, 'validation-failed', 'phone', phone],
    [{ method: 'mpesa', phone: '' }, 'validation-failed', 'phone', phone],
    [{ method: 'mpesa', phone: 254712345678 }, 'validation-failed', 'phone', /string/],
    [{ method: 'mpesa', phone: '254712345678', amount: '5' }, 'validation-failed', 'amount', /not a known field/],
    [{ method: 'card', email: 'nobody' }, 'validation-failed', 'email', /e-mail/],
    [[], 'validation-failed', undefined, /object/],
  ]
  for (const [body, code, param, says] of cases)
    assertRefused(await startWith(id, body), { status: 422, code, says, ...(param && { param }) }, JSON.stringify(body))
  assert.deepEqual((await find(world, id)).attempts, [], 'no attempt was started')
  assert.equal((await prompt(world, id, '+254700000001')).status, 201, 'a leading plus is accepted')
})

void test('a method that the payment does not offer, or that cannot take the amount due, is refused', async () => {
  const { id } = await create(world, { methods: ['card'] })
  assertRefused(await prompt(world, id, '254700000001'), {
    status: 422,
    code: 'payments.method-not-allowed',
    param: 'method',
    says: /choose card/,
  })
  const dollars = await create(world, { currency: 'USD', amount: '20' })
  assertRefused(await prompt(world, dollars.id, '254700000001'), {
    status: 422,
    code: 'payments.method-not-allowed',
    param: 'method',
  })
})

void test('no attempt starts on a payment that has ended', async () => {
  const { id } = await paid(world)
  assertRefused(await prompt(world, id, '254700000001'), { status: 409, code: 'payments.already-paid' })
  const canceled = await create(world)
  await world.api('POST', `${PAYMENTS}/${canceled.id}/cancel`)
  assertRefused(await prompt(world, canceled.id, '254700000001'), {
    status: 409,
    code: 'payments.over',
    says: /canceled.*Create a new payment/,
  })
  const short = await create(world, { expires_in: 30 })
  await leap(world, 30_000)
  const expired = { status: 409, code: 'payments.over', says: /expired.*Create a new payment/ } as const
  assertRefused(await prompt(world, short.id, '254700000001'), expired)
  assert.equal((await find(world, short.id)).status, 'expired')
})

void test('a payment fails after ten attempts', async () => {
  const { id } = await create(world)
  for (let n = 0; n < 10; n++) {
    await start(world, id, '254700000003')
    await world.advance(2000)
  }
  const { status, attempts } = await find(world, id)
  assert.deepEqual([status, attempts.length], ['failed', 10])
  assertRefused(await prompt(world, id, '254700000001'), { status: 409, code: 'payments.over', says: /failed/ })
})

void test('a prompt that started before expiry is paid in time', async () => {
  const { id } = await create(world, { expires_in: 30 })
  await start(world, id, '254711000020')
  await leap(world, 40_000)
  assert.equal((await find(world, id)).status, 'processing', 'the pending prompt keeps the payment open')
  await approve('254711000020')
  const { status, flags } = await find(world, id)
  assert.deepEqual([status, flags.late], ['paid', false])
})

void test('money after expiry is credited as late', async () => {
  const before = await ledgerBalance(world)
  const { id } = await create(world, { amount: '700', expires_in: 60 })
  // The phone pays, but the response and the callback are lost, so the outcome stays unknown.
  await start(world, id, '254700000011')
  await world.advance(4 * 60_000)
  const expired = await find(world, id)
  assert.deepEqual(
    [expired.status, expired.attempts[0].status, expired.amount_received],
    ['expired', 'abandoned', '0.00'],
  )
  await approve('254700000011', 'callback')
  const late = await find(world, id)
  assert.deepEqual(
    [late.status, late.amount_received, late.flags, late.attempts[0].status],
    ['paid', '700.00', { partial: false, overpaid: false, late: true }, 'settled'],
  )
  assert.equal(Number(await ledgerBalance(world)) - Number(before), 700)
})

void test('the books hold afterwards', () => assertBooksHold(world))
