import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import { assertBooksHold, find, leap, ledgerBalance } from './api/shop.ts'
import { begin, chain, payInBitcoin, PAYERS, payWith } from './payers.ts'
import { openWorld, type World } from './world.ts'

/** The daily comparison for every rail over HTTP: matching, missing, different and pending payments. */

const HOUR_MS = 3_600_000
const RAILS = ['airtel', 'bitcoin', 'crossmint', 'mpesa', 'stripe'] as const

/** Advances to after the day's comparison. */
async function nextDay(world: World, hours = 18): Promise<void> {
  await leap(world, hours * HOUR_MS)
  for (let i = 0; i < 8; i++) await leap(world, 20_000)
}

interface DayRow {
  readonly rail: string
  readonly lines: number
  readonly matched: number
  readonly repaired: number
  readonly cases: number
  readonly problem: string | null
}

const days = (world: World, day = '2026-01-15'): Promise<DayRow[]> =>
  world.app.db.many(sql`select rail, lines, matched, repaired, cases, problem from reconciliation.runs
    where day = ${day} order by rail`)

const openCases = (world: World): Promise<{ rail: string; kind: string; intentId: string | null }[]> =>
  world.app.db.many(
    sql`select rail, kind, intent_id as "intentId" from cases.cases where state = 'open' order by rail, kind`,
  )

/** Changes the provider's records directly in the database. */
const tamper = (world: World, statement: ReturnType<typeof sql>): Promise<number> => world.database.owner.run(statement)

async function payByEach(world: World): Promise<Record<(typeof RAILS)[number], string>> {
  const ids = { airtel: '', bitcoin: '', crossmint: '', mpesa: '', stripe: '' }
  for (const [provider, payer] of Object.entries(PAYERS))
    ids[provider === 'daraja' ? 'mpesa' : (provider as 'airtel')] = await payWith(world, payer)
  ids.bitcoin = await payInBitcoin(world)
  return ids
}

void test('a normal day matches every provider', async () => {
  await using world = await openWorld()
  await payByEach(world)
  await nextDay(world)
  const agreed = { lines: 1, matched: 1, repaired: 0, cases: 0, problem: null }
  assert.deepEqual(
    await days(world),
    RAILS.map((rail) => ({ rail, ...agreed })),
  )
  await assertBooksHold(world)
})

void test('unreported money is credited automatically on every rail, once', async () => {
  await using world = await openWorld()
  await dropCallbacks(world)
  const ids: string[] = []
  for (const payer of Object.values(PAYERS)) ids.push((await begin(world, payer)).id)
  const bitcoin = await begin(world, { method: 'bitcoin', currency: 'KES' })
  ids.push(bitcoin.id)
  await leap(world, 500)
  await abandonAttempts(world)
  await leap(world, 3000)
  await chain(world, 'pay', { address: bitcoin.attempt.payment_uri })
  await chain(world, 'mine')
  await leap(world, 3000)
  for (const id of ids) assert.notEqual((await find(world, id)).status, 'paid', id)
  await nextDay(world)
  for (const id of ids) assert.equal((await find(world, id)).status, 'paid', id)
  const found = { lines: 1, matched: 1, repaired: 1, cases: 0, problem: null }
  assert.deepEqual(
    await days(world),
    RAILS.map((rail) => ({ rail, ...found })),
  )
  const had = [await ledgerBalance(world, 'KES'), await ledgerBalance(world, 'USD')]
  await tamper(world, sql`update reconciliation.runs set due_at = '2026-01-15'`)
  await nextDay(world, 0)
  assert.deepEqual([await ledgerBalance(world, 'KES'), await ledgerBalance(world, 'USD')], had)
  assert.deepEqual(
    (await days(world)).map(({ matched, repaired }) => [matched, repaired]),
    RAILS.map(() => [1, 0]),
    'a second comparison finds nothing new',
  )
  await assertBooksHold(world)
})

/** Drops all callbacks and events from now on. */
async function dropCallbacks(world: World): Promise<void> {
  for (const provider of Object.keys(PAYERS)) {
    const fault = { kind: 'lost-callback', count: 1000 }
    assert.equal((await world.api('POST', `/sandbox/${provider}/faults`, fault)).status, 200)
  }
}

/** Abandons the attempts and stops polling of addresses. */
async function abandonAttempts(world: World): Promise<void> {
  await tamper(
    world,
    sql`update payments.attempts set state = 'abandoned', due_at = null
    where kind <> 'address' and state <> 'settled'`,
  )
  await tamper(world, sql`update payments.watches set claimed_by = ${world.app.jobs.instanceId}`)
}

void test('a receipt missing at the provider opens a case, which closes when the provider has it', async () => {
  await using world = await openWorld()
  const ids = await payByEach(world)
  await tamper(world, sql`update sandbox.prompts set network = network || '-gone'`)
  await tamper(world, sql`update sandbox.objects set provider = 'gone' where provider = 'crossmint'`)
  await tamper(
    world,
    sql`update sandbox.stripe_objects set body = jsonb_set(body, '{status}', '"failed"')
    where body ->> 'object' = 'charge'`,
  )
  // The block is disconnected, and the comparison runs before the node is polled.
  await tamper(world, sql`update payments.watches set claimed_by = ${world.app.jobs.instanceId}`)
  await chain(world, 'reorg', { depth: 1, blocks: 2, how: 'double-spend' })
  await nextDay(world)
  const missing = RAILS.map((rail) => ({ rail, kind: 'missing-there', intentId: ids[rail] }))
  assert.deepEqual(await openCases(world), missing)

  await tamper(world, sql`update sandbox.prompts set network = replace(network, '-gone', '')`)
  await tamper(world, sql`update sandbox.objects set provider = 'crossmint' where provider = 'gone'`)
  await tamper(
    world,
    sql`update sandbox.stripe_objects set body = jsonb_set(body, '{status}', '"succeeded"')
    where body ->> 'object' = 'charge'`,
  )
  await tamper(world, sql`update payments.watches set claimed_by = null, due_at = '2026-01-15'`)
  await tamper(world, sql`update reconciliation.runs set due_at = '2026-01-16T04:00:00Z'`)
  await nextDay(world, 2)
  assert.deepEqual(
    await openCases(world),
    ['missing-there', 'taken-back'].map((kind) => ({ rail: 'bitcoin', kind, intentId: ids.bitcoin })),
    'disconnected coins were reversed, and an operator closes their case',
  )
  assert.equal((await find(world, ids.bitcoin)).status, 'reversed')
  await assertBooksHold(world)
})

void test('a different amount or currency opens a case and posts nothing', async () => {
  await using world = await openWorld()
  const ids = await payByEach(world)
  const had = [await ledgerBalance(world, 'KES'), await ledgerBalance(world, 'USD')]
  await tamper(world, sql`update sandbox.prompts set paid_shillings = 1400`)
  await tamper(
    world,
    sql`update sandbox.stripe_objects set body = jsonb_set(body, '{currency}', '"eur"')
    where body ->> 'object' = 'charge'`,
  )
  await tamper(
    world,
    sql`update sandbox.objects set body = jsonb_set(body, '{quote,totalPrice,currency}', '"eur"')
    where provider = 'crossmint'`,
  )
  await nextDay(world)
  assert.deepEqual(await openCases(world), [
    { rail: 'airtel', kind: 'amount-differs', intentId: ids.airtel },
    { rail: 'crossmint', kind: 'currency-differs', intentId: ids.crossmint },
    { rail: 'mpesa', kind: 'amount-differs', intentId: ids.mpesa },
    { rail: 'stripe', kind: 'currency-differs', intentId: ids.stripe },
  ])
  assert.deepEqual([await ledgerBalance(world, 'KES'), await ledgerBalance(world, 'USD')], had)
  await assertBooksHold(world)
})

void test('a stuck pending payment is resolved automatically when the provider knows the result', async () => {
  await using world = await openWorld()
  await dropCallbacks(world)
  const ids: string[] = []
  for (const payer of Object.values(PAYERS)) ids.push((await begin(world, payer, { expires_in: 7 * 24 * 3600 })).id)
  // Recreate the state after an internal error: due, but never polled.
  await tamper(world, sql`update payments.attempts set due_at = '2027-01-01'`)
  await leap(world, 3000)
  for (const id of ids) assert.notEqual((await find(world, id)).status, 'paid', id)
  await nextDay(world, 42)
  for (const id of ids) assert.equal((await find(world, id)).status, 'paid', id)
  assert.deepEqual(await openCases(world), [])
  await assertBooksHold(world)
})
