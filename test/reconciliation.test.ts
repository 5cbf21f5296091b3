import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import { assertBooksHold, assertRefused, available, create, find, leap, PAYMENTS, prompt } from './api/shop.ts'
import { openWorld, type World } from './world.ts'

/** The daily comparison with each simulated provider, over HTTP. */

const HOUR_MS = 3_600_000
const CASES = '/api/v1/reconciliation/cases'

/** Advances to after the day's comparison. */
async function nextDay(world: World, hours = 18): Promise<void> {
  await leap(world, hours * HOUR_MS)
  for (let i = 0; i < 4; i++) await leap(world, 20_000)
}

async function operatorOf(
  world: World,
  scopes = ['operations:read', 'operations:write'] as const,
): Promise<Record<string, string>> {
  const { identity, db } = world.app
  const input = { merchantId: world.merchantId, name: 'operator', scopes }
  const { secret } = await db.transaction((tx) => identity.createKey(tx, input, { type: 'system', id: 'test' }))
  return { authorization: `Bearer ${secret}` }
}

const days = (world: World): Promise<object[]> =>
  world.app.db.many(sql`select rail, lines, matched, repaired, cases, problem from reconciliation.runs order by rail`)

async function payByCard(world: World): Promise<string> {
  const { id } = await create(world)
  const { body } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'card' })
  const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Asha' })
  assert.equal((await fetch(body.redirect_url, { method: 'POST', body: card })).status, 200)
  return id
}

void test('a normal day matches both providers', async () => {
  await using world = await openWorld()
  for (const phone of ['254700000001', '254700000005', '254700000006']) {
    const { id } = await create(world)
    await prompt(world, id, phone)
    await world.advance(12_000)
    assert.equal((await find(world, id)).status, 'paid', phone)
  }
  await payByCard(world)
  await world.advance(3000)
  await nextDay(world)
  assert.deepEqual(await days(world), [
    { rail: 'mpesa', lines: 3, matched: 3, repaired: 1, cases: 0, problem: null },
    { rail: 'stripe', lines: 1, matched: 1, repaired: 0, cases: 0, problem: null },
  ])
  const numbers = await world.app.db.one(
    sql`select count(number)::int as known from payments.receipt_states where rail = 'mpesa'`,
  )
  assert.deepEqual(numbers, { known: 3 }, 'the receipt with a lost callback now has its number')
  await assertBooksHold(world)
})

void test('unreported money is found: a prompt with lost response and callback, and an abandoned card page', async () => {
  await using world = await openWorld()
  const { id: lost } = await create(world)
  await prompt(world, lost, '254700000008')
  await world.database.owner.run(sql`update sandbox.prompts set callback_url = ${`${world.url}/nowhere`}`)
  const card = await payByCard(world)
  await world.database.owner.run(sql`delete from sandbox.timers where kind <> 'prompt'`)
  await world.database.owner.run(
    sql`update payments.attempts set state = 'abandoned', due_at = null where method = 'card'`,
  )
  for (let i = 0; i < 6; i++) await leap(world, 40_000)
  assert.deepEqual([(await find(world, lost)).status, (await find(world, card)).status], ['open', 'open'])
  await nextDay(world)
  assert.deepEqual([(await find(world, lost)).status, (await find(world, card)).status], ['paid', 'paid'])
  assert.equal(await available(world), '3000.00')
  assert.deepEqual(
    (await days(world)).map((day: any) => [day.rail, day.repaired, day.cases]),
    [
      ['mpesa', 1, 0],
      ['stripe', 1, 0],
    ],
  )
  await assertBooksHold(world)
})

void test('cases need an operator key and are closed with an audited note', async () => {
  await using world = await openWorld()
  await payByCard(world)
  await world.advance(3000)
  await world.database.owner.run(
    sql`update sandbox.stripe_objects set body = jsonb_set(body, '{amount}', '140000') where body ->> 'object' = 'charge'`,
  )
  await nextDay(world)
  const operator = await operatorOf(world)
  const { body } = await world.api('GET', `${CASES}?status=open`, undefined, operator)
  const [one] = body.data
  assert.deepEqual(
    [body.data.length, one.kind, one.rail, one.merchant],
    [1, 'amount-differs', 'stripe', world.merchantId],
  )
  assert.deepEqual(
    [one.ours, one.theirs],
    [
      { amount: '1500.00', currency: 'KES' },
      { amount: '1400.00', currency: 'KES' },
    ],
  )

  const resolve = (given: object, headers = operator) => world.api('POST', `${CASES}/${one.id}/resolve`, given, headers)
  assertRefused(await world.api('GET', CASES), { status: 403, code: 'forbidden', says: /operations:read/ })
  const reader = await operatorOf(world, ['operations:read'] as never)
  assertRefused(await resolve({ action: 'close', note: 'x' }, reader), {
    status: 403,
    code: 'forbidden',
    says: /operations:write/,
  })
  assertRefused(await resolve({ action: 'write-off', note: 'x' }), {
    status: 422,
    code: 'validation-failed',
    param: 'action',
  })
  assertRefused(await resolve({ action: 'close' }), { status: 422, code: 'validation-failed', param: 'note' })

  const retried = await resolve({ action: 'retry', note: 'Stripe says that it is right now' })
  assert.deepEqual([retried.status, retried.body.status], [200, 'open'])
  await leap(world, 20_000)
  const closed = await resolve({ action: 'close', note: 'Settled with Stripe, ticket 1042' })
  assert.deepEqual([closed.body.status, closed.body.note], ['closed', 'Settled with Stripe, ticket 1042'])
  const again = await resolve({ action: 'close', note: 'Settled with Stripe, ticket 1042' })
  assert.deepEqual([again.status, again.body], [200, closed.body], 'a repeat after a lost response')
  assertRefused(await resolve({ action: 'close', note: 'x' }), { status: 409, code: 'payments.case-over' })
  const strange = await world.api('POST', `${CASES}/rec_x/resolve`, { action: 'close', note: 'x' }, operator)
  assertRefused(strange, { status: 404, code: 'payments.no-such-case', param: 'id' })
  const { items } = await world.app.identity.audit.list(world.app.db, { limit: 10, target: one.id })
  assert.deepEqual(
    items.map(({ action, actor, detail }) => [action, actor.type, detail['note']]),
    [
      ['payments.case-closed', 'key', 'Settled with Stripe, ticket 1042'],
      ['payments.case-retried', 'key', 'Stripe says that it is right now'],
    ],
  )
  await assertBooksHold(world)
})

void test('money received outside Purser is credited manually, once, and its day then matches', async () => {
  await using world = await openWorld()
  const { id } = await create(world)
  await prompt(world, id, '254700000002')
  await world.advance(3000)
  // Pay at the counter, from a phone unknown to Purser.
  const at = world.clock.now()
  await world.database.owner
    .run(sql`insert into sandbox.prompts (id, network, merchant_request_id, phone, asked_shillings,
      account_reference, description, callback_url, created_at, ends_at, result_code, receipt_number, paid_shillings, decided_at)
    values ('counter', 'mpesa', 'counter', '254799000000', 1500, 'mugs', '', '', ${at}, ${at}, '0', 'TCO1234567', 1500, ${at})`)
  await nextDay(world)
  const operator = await operatorOf(world)
  const { body } = await world.api('GET', `${CASES}?status=open`, undefined, operator)
  assert.deepEqual(
    body.data.map((one: any) => [one.kind, one.theirs.amount]),
    [['missing-here', '1500.00']],
  )
  const [{ id: caseId }] = body.data
  const resolve = (given: object, headers = operator) =>
    world.api('POST', `${CASES}/${caseId}/resolve`, { note: 'The payer showed the message', ...given }, headers)
  const invalid = { status: 422, code: 'validation-failed', param: 'payment' }
  assertRefused(await resolve({ action: 'credit' }), invalid)
  assertRefused(await resolve({ action: 'close', payment: id }), invalid)
  assertRefused(await resolve({ action: 'credit', payment: 'pay_x' }), {
    status: 404,
    code: 'payments.not-found',
    param: 'payment',
  })
  const dollars = await create(world, { amount: '20.00', currency: 'USD', methods: ['card'] })
  assertRefused(await resolve({ action: 'credit', payment: dollars.id }), {
    status: 409,
    code: 'payments.case-other-currency',
    param: 'payment',
    says: /KES 1500\.00/,
  })
  const reader = await operatorOf(world, ['operations:read'] as never)
  assert.equal((await resolve({ action: 'credit', payment: id }, reader)).status, 403)
  assert.equal(await available(world), '0.00', 'refused actions post nothing')

  const both = await Promise.all([1, 2].map(() => resolve({ action: 'credit', payment: id })))
  for (const { status, body: one } of both)
    assert.deepEqual([status, one.status, one.payment, one.merchant], [200, 'credited', id, world.merchantId])
  const paid = await find(world, id)
  assert.deepEqual([paid.status, paid.flags.late], ['paid', true])
  assert.equal(await available(world), '1500.00')
  assertRefused(await resolve({ action: 'credit', payment: dollars.id }), {
    status: 409,
    code: 'payments.case-over',
  })
  const { items } = await world.app.identity.audit.list(world.app.db, { limit: 10, target: caseId })
  assert.deepEqual(
    items.map(({ action, detail }) => [action, detail['payment']]),
    [['payments.case-credited', id]],
  )

  await world.database.owner.run(sql`update reconciliation.runs set due_at = '2026-01-15'`)
  await nextDay(world, 0)
  assert.equal(await available(world), '1500.00')
  assert.deepEqual(await days(world), [{ rail: 'mpesa', lines: 1, matched: 1, repaired: 0, cases: 0, problem: null }])
  await assertBooksHold(world)
})
