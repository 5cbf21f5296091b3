import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/db'
import {
  assertBooksHold,
  assertRefused,
  available,
  create,
  find,
  leap,
  ledgerHas,
  PAYMENTS,
  prompt,
  start,
} from './api/shop.ts'
import { openWorld, type World } from './world.ts'

/** What a phone or a card of the sandbox leads to is relied on by the tests of others: here each is held to it. */

interface Receipts {
  readonly count: number
  readonly numbers: number
}

/** What is in the receipts of a payment, and in all copies of its callbacks. */
const receiptsOf = (world: World, id: string): Promise<Receipts> =>
  world.app.db.one<Receipts>(sql`select count(*)::int as count, count(s.number)::int as numbers
    from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id where r.intent_id = ${id}`)

const eventsOf = async (world: World, attemptId: string): Promise<number> =>
  (
    await world.app.db.one<{ count: number }>(
      sql`select count(*)::int as count from payments.inbox where token_attempt_id = ${attemptId}`,
    )
  ).count

const countOfPrompts = async (world: World, phone: string): Promise<number> =>
  (
    await world.database.owner.one<{ count: number }>(
      sql`select count(*)::int as count from sandbox.prompts where phone = ${phone}`,
    )
  ).count

/** The payment is paid in full with one receipt, and the merchant has just that. */
async function assertPaidOnce(world: World, id: string, shillings = '1500.00'): Promise<any> {
  const payment = await find(world, id)
  assert.deepEqual(
    [payment.status, payment.amount_received, payment.amount_due, payment.flags],
    ['paid', shillings, '0.00', { partial: false, overpaid: false, late: false }],
    JSON.stringify(payment),
  )
  assert.deepEqual(
    payment.attempts.map(({ status, reason }: any) => [status, reason]),
    [['settled', null]],
  )
  assert.equal((await receiptsOf(world, id)).count, 1)
  assert.deepEqual([await available(world), await ledgerHas(world)], [shillings, shillings])
  await assertBooksHold(world)
  return payment
}

/** The attempt failed so, no money moved, and the payer may try again. */
async function assertFailed(world: World, id: string, reason: string): Promise<void> {
  const payment = await find(world, id)
  assert.deepEqual([payment.status, payment.amount_received], ['open', '0.00'])
  assert.deepEqual(
    payment.attempts.map(({ status, reason: why }: any) => [status, why]),
    [['failed', reason]],
  )
  assert.deepEqual([(await receiptsOf(world, id)).count, await ledgerHas(world)], [0, '0.00'])
  await assertBooksHold(world)
}

/** Nothing is left to do: ten minutes later all is as it was. */
async function assertAtRest(world: World, id: string): Promise<void> {
  const before = await find(world, id)
  const held = await ledgerHas(world)
  for (let n = 0; n < 20; n++) await leap(world, 30_000)
  assert.deepEqual([await find(world, id), await ledgerHas(world)], [before, held])
}

async function payFrom(world: World, phone: string): Promise<{ id: string; attempt: any }> {
  const { id } = await create(world, { expires_in: 24 * 3600 })
  return { id, attempt: await start(world, id, phone) }
}

void test('…001 pays after a second', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000001')
  assert.equal(attempt.status, 'pending')
  await world.advance(900)
  assert.equal((await find(world, id)).status, 'processing', 'not before')
  await world.advance(1000)
  await assertPaidOnce(world, id)
  assert.deepEqual(await receiptsOf(world, id), { count: 1, numbers: 1 })
  await assertAtRest(world, id)
})

void test('…002 has not enough money', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254700000002')
  await world.advance(3000)
  await assertFailed(world, id, 'insufficient-funds')
  await assertAtRest(world, id)
  await start(world, id, '254700000001')
  await world.advance(3000)
  assert.equal((await find(world, id)).status, 'paid', 'a second try pays')
  assert.equal(await ledgerHas(world), '1500.00')
})

void test('…003 cancels', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254700000003')
  await world.advance(3000)
  await assertFailed(world, id, 'canceled-by-payer')
  await assertAtRest(world, id)
})

void test('…004 never answers: the query says so after its time', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000004')
  await world.advance(55_000)
  assert.equal((await find(world, id)).status, 'processing', 'while the prompt is there')
  await world.advance(65_000)
  await assertFailed(world, id, 'no-response')
  assert.equal(await eventsOf(world, attempt.id), 0, 'no callback told it')
  await assertAtRest(world, id)
})

void test('…005 pays and the callback is lost: polling finds it within 60 seconds', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000005')
  await world.advance(60_000)
  await assertPaidOnce(world, id)
  assert.equal(await eventsOf(world, attempt.id), 0)
  assert.deepEqual(await receiptsOf(world, id), { count: 1, numbers: 0 }, 'the query names no receipt number')
  // The callback comes after all: the same receipt, now with its number.
  await world.api('POST', '/sandbox/phone/254700000005/callback', {})
  await world.advance(2000)
  await assertPaidOnce(world, id)
  assert.deepEqual(await receiptsOf(world, id), { count: 1, numbers: 1 })
  await assertAtRest(world, id)
})

void test('…006 pays, and three callbacks at once are one receipt', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000006')
  await world.advance(5000)
  await assertPaidOnce(world, id)
  assert.equal(await eventsOf(world, attempt.id), 1, 'the same event is kept once')
  assert.deepEqual(await receiptsOf(world, id), { count: 1, numbers: 1 })
  await assertAtRest(world, id)
})

void test('…007 the callback comes before the answer to the push', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000007')
  assert.ok(['pending', 'settled'].includes(attempt.status), attempt.status)
  assert.equal(await eventsOf(world, attempt.id), 1, 'it was here when the attempt was answered')
  await world.advance(3000)
  await assertPaidOnce(world, id)
  await assertAtRest(world, id)
})

void test('…008 the answer to the push is lost, and the callback still tells', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000008')
  assert.equal(attempt.status, 'unknown', 'unknown is not failed')
  assertRefused(await prompt(world, id, '254700000008'), { status: 409, code: 'payments.attempt-in-flight' })
  await world.advance(5000)
  await assertPaidOnce(world, id)
  assert.equal(await countOfPrompts(world, '254700000008'), 1, 'it was never sent again')
  await assertAtRest(world, id)
})

void test('…011 nothing tells: abandoned after 3 minutes, then the payer can try again', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000011')
  assert.equal(attempt.status, 'unknown')
  await world.advance(170_000)
  const waiting = await find(world, id)
  assert.deepEqual([waiting.status, waiting.attempts[0].status], ['processing', 'unknown'])
  assertRefused(await prompt(world, id, '254700000001'), { status: 409, code: 'payments.attempt-in-flight' })
  await world.advance(20_000)
  const free = await find(world, id)
  assert.deepEqual([free.status, free.attempts[0].status, free.attempts[0].reason], ['open', 'abandoned', null])
  assert.equal(await countOfPrompts(world, '254700000011'), 1, 'it was never sent again')
  await assertBooksHold(world)

  await start(world, id, '254700000001')
  await world.advance(3000)
  const again = await find(world, id)
  assert.deepEqual([again.status, again.amount_received], ['paid', '1500.00'])

  // The first prompt was paid too, as its callback says in the end: it is credited, and shown as too much.
  await world.api('POST', '/sandbox/phone/254700000011/callback', {})
  await world.advance(3000)
  const over = await find(world, id)
  assert.deepEqual([over.status, over.amount_received, over.flags.overpaid], ['paid', '3000.00', true])
  assert.deepEqual(
    over.attempts.map(({ status }: any) => status),
    ['settled', 'settled'],
  )
  assert.equal((await receiptsOf(world, id)).count, 2)
  assert.equal(await ledgerHas(world), '3000.00')
  await assertBooksHold(world)
  await assertAtRest(world, id)
})

void test('…011 late money alone pays the payment', async () => {
  await using world = await openWorld()
  const { id } = await create(world, { expires_in: 120 })
  await start(world, id, '254700000011')
  await world.advance(5 * 60_000)
  assert.equal((await find(world, id)).status, 'expired')
  await world.api('POST', '/sandbox/phone/254700000011/callback', {})
  await world.advance(3000)
  const late = await find(world, id)
  assert.deepEqual([late.status, late.amount_received, late.flags.late], ['paid', '1500.00', true])
  assert.equal(await ledgerHas(world), '1500.00')
  await assertBooksHold(world)
})

void test('…009 pays a shilling less, and the rest can be paid', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254700000009')
  await world.advance(3000)
  const short = await find(world, id)
  assert.deepEqual(
    [short.status, short.amount_received, short.amount_due, short.flags.partial, short.attempts[0].status],
    ['open', '1499.00', '1.00', true, 'settled'],
  )
  assert.equal(await ledgerHas(world), '1499.00')
  await assertBooksHold(world)
  await start(world, id, '254700000001')
  await world.advance(3000)
  const whole = await find(world, id)
  assert.deepEqual([whole.status, whole.amount_received, whole.flags.partial], ['paid', '1500.00', false])
  assert.equal((await receiptsOf(world, id)).count, 2)
  assert.equal(await ledgerHas(world), '1500.00')
  await assertBooksHold(world)
  await assertAtRest(world, id)
})

void test('…010 the query has no answer for a while, then tells of success within 60 seconds', async () => {
  await using world = await openWorld()
  const { id, attempt } = await payFrom(world, '254700000010')
  await world.advance(15_000)
  const waiting = await find(world, id)
  assert.deepEqual([waiting.status, waiting.attempts[0].status], ['processing', 'pending'], 'no answer is no failure')
  await world.advance(45_000)
  await assertPaidOnce(world, id)
  assert.equal(await eventsOf(world, attempt.id), 0)
  await assertAtRest(world, id)
})

void test('any other number waits for a hand', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254712345678')
  await world.advance(60_000)
  assert.equal((await find(world, id)).status, 'processing')
  const { body } = await world.api('GET', '/sandbox/phone/254712345678')
  assert.equal(body.prompts[0].amount, '1500')
  await world.api('POST', '/sandbox/phone/254712345678/approve', {})
  await world.advance(2000)
  await assertPaidOnce(world, id)
})

void test('any other number that is left alone times out', async () => {
  await using world = await openWorld()
  const { id } = await payFrom(world, '254712345678')
  await world.api('POST', '/sandbox/phone/254712345678/ignore', {})
  await world.advance(3 * 60_000)
  await assertFailed(world, id, 'no-response')
})

// Cards

const pay = async (url: string, number: string): Promise<{ status: number; location: string | null }> => {
  const body = new URLSearchParams({ number, expiry: '12/40', cvc: '123', name: 'Asha' })
  const answer = await fetch(url, { method: 'POST', body, redirect: 'manual' })
  await answer.text()
  return { status: answer.status, location: answer.headers.get('location') }
}

async function cardPage(world: World): Promise<{ id: string; url: string }> {
  const { id } = await create(world)
  const { body } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'card' })
  return { id, url: body.redirect_url }
}

void test('card 4242… pays', async () => {
  await using world = await openWorld()
  const { id, url } = await cardPage(world)
  assert.equal((await pay(url, '4242 4242 4242 4242')).status, 200)
  await world.advance(3000)
  await assertPaidOnce(world, id)
  await assertAtRest(world, id)
})

void test('card 4000000000000002 is declined, and another card on the same page pays', async () => {
  await using world = await openWorld()
  const { id, url } = await cardPage(world)
  assert.equal((await pay(url, '4000000000000002')).status, 402)
  await world.advance(3000)
  const declined = await find(world, id)
  assert.deepEqual(
    [declined.status, declined.attempts[0].status, declined.attempts[0].reason],
    ['open', 'pending', 'declined'],
    'the page goes on',
  )
  assert.equal(await ledgerHas(world), '0.00')
  await pay(url, '4242424242424242')
  await world.advance(3000)
  await assertPaidOnce(world, id)
})

void test('card 4000002500003155 needs a challenge, which can be failed and passed', async () => {
  await using world = await openWorld()
  const { id, url } = await cardPage(world)
  const challenge = async (answer: string): Promise<number> => {
    const { status, location } = await pay(url, '4000002500003155')
    assert.deepEqual([status, location?.endsWith('/challenge')], [303, true])
    const page = `${url}/challenge`
    assert.equal((await fetch(page)).status, 200)
    return (await fetch(page, { method: 'POST', body: new URLSearchParams({ answer }) })).status
  }
  await challenge('fail')
  await world.advance(3000)
  const failed = await find(world, id)
  assert.deepEqual([failed.status, failed.attempts[0].reason], ['open', 'authentication-failed'])
  assert.equal(await challenge('approve'), 200)
  await world.advance(3000)
  await assertPaidOnce(world, id)
})

// All at once

/** What a phone owes after its prompts were answered, in shillings of those asked; undefined: nothing. */
const PAYS: Readonly<Record<string, (asked: number) => number>> = {
  '254700000001': (asked) => asked,
  '254700000002': () => 0,
  '254700000003': () => 0,
  '254700000004': () => 0,
  '254700000005': (asked) => asked,
  '254700000006': (asked) => asked,
  '254700000007': (asked) => asked,
  '254700000008': (asked) => asked,
  '254700000009': (asked) => asked - 1,
  '254700000010': (asked) => asked,
  '254700000011': () => 0,
}

/** Numbers that look random and are the same for the same seed (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const shillings = (amount: number): string => `${amount}.00`

for (const seed of [1, 20_261_122, 4_000_000_007]) {
  void test(`many payments from all phones in any order, seed ${seed}: each counted once, the books hold`, async () => {
    const random = createRandom(seed)
    await using world = await openWorld()
    const phones = Object.keys(PAYS)
    const expected = new Map<string, number>()
    const begin = async (): Promise<void> => {
      const amount = 10 + random(5000)
      const phone = phones[random(phones.length)] ?? ''
      const { id } = await create(world, { amount: String(amount), methods: ['mpesa'], expires_in: 3600 })
      expected.set(id, PAYS[phone]?.(amount) ?? 0)
      assert.equal((await prompt(world, id, phone)).status, 201)
    }
    for (let wave = 0; wave < 6; wave++) {
      await Promise.all(Array.from({ length: 10 }, begin))
      // Time passes while some are under way; one of the phones sends an old callback again.
      await world.advance(1000 * random(5))
      await world.api('POST', `/sandbox/phone/${phones[random(phones.length)]}/callback`, {})
      assert.deepEqual(await world.broken(), [], 'in the middle too')
    }
    await world.advance(4 * 60_000)
    let total = 0
    for (const [id, amount] of expected) {
      const payment = await find(world, id)
      const late = payment.attempts[0]
      // A lost payment of …011 is told when its callback was sent again by hand.
      const lost = late.status === 'settled' && amount === 0 ? Number(payment.amount) : amount
      assert.equal(payment.amount_received, shillings(lost), JSON.stringify(payment))
      assert.equal(
        payment.status,
        payment.amount_received === payment.amount ? 'paid' : 'open',
        JSON.stringify(payment),
      )
      assert.ok((await receiptsOf(world, id)).count <= 1)
      total += lost
    }
    assert.deepEqual([await available(world), await ledgerHas(world)], [shillings(total), shillings(total)])
    await assertBooksHold(world)
  })
}
