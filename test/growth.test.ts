import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawSql, sql } from '#platform/database/db'
import { create, PAYMENTS } from './api/shop.ts'
import { fillTable, listTables, readTouched } from './growth.ts'
import { PAYERS, payInBitcoin, payWith } from './payers.ts'
import { openReceiver } from './receiver.ts'
import { waitFor } from './wait.ts'
import { openWorld, type World } from './world.ts'

/** Periodic work must not get slower as the tables grow: no cron, queue or health check reads a table from its beginning. */

const HOUR = 60 * 60_000
const DAY = 24 * HOUR

/** Rows of a table that a run may read beyond those at the small size. */
const SLACK = 300
/** A BRIN index finds ranges of pages, so a run reads all rows of a range. */
const RANGES: Readonly<Record<string, number>> = { 'ledger.transfers': 2_500 }
const SMALL = 1_000

/** Tables that the story leaves empty. A table that is neither here nor filled fails the test. */
const EMPTY = ['cases.cases', 'payments.free_indexes', 'sandbox.stripe_endpoints']

/** Uses every method once, so that almost every table has a row. */
async function runStory(world: World): Promise<void> {
  for (const payer of Object.values(PAYERS)) await payWith(world, payer)
  const paid = await payInBitcoin(world)
  const phone = await payWith(world, PAYERS.daraja)
  const refund = await world.api(
    'POST',
    `${PAYMENTS}/${phone}/refunds`,
    { amount: '200.00' },
    { 'idempotency-key': 'r1' },
  )
  assert.equal(refund.status, 201, JSON.stringify(refund.body))
  await create(world, { reference: 'open' }, { 'idempotency-key': `open ${paid}` })
  await create(world, { expires_in: 2 }, { 'idempotency-key': `expires ${paid}` })
  const links = { description: 'Tea', amount: '100.00', currency: 'KES' }
  const link = await world.api('POST', '/api/v1/payment-links', links, { 'idempotency-key': `link ${paid}` })
  assert.equal(link.status, 201, JSON.stringify(link.body))
  await world.advance(15_000)
}

interface Measured {
  /** Rows and index entries that one run of everything periodic read, by table. */
  readonly touched: ReadonlyMap<string, number>
  readonly rows: ReadonlyMap<string, number>
}

/** Fills all tables with about `count` rows of each age, and measures the second run of everything periodic. */
async function measure(count: number): Promise<Measured> {
  await using receiver = await openReceiver()
  await using world = await openWorld()
  const { owner } = world.database
  // A small table is cheaper to read as a whole. The plans of large ones are those that matter.
  await owner.run(
    rawSql('do $$ begin execute format($f$alter database %I set enable_seqscan = off$f$, current_database()); end $$'),
  )
  await world.api('POST', '/api/v1/webhook-endpoints', { url: receiver.url })
  const terms = { merchantId: world.merchantId, holdDays: 1, feeBps: 0, feeFixed: {} }
  await world.app.db.transaction((tx) => world.app.identity.setSettlement(tx, terms, { type: 'system', id: 'test' }))
  const fill = async (round: string): Promise<void> => {
    await runStory(world)
    for (const { name, rows } of await listTables(owner))
      if (rows > 0) await fillTable(world.database, name, count, round)
  }
  // Old rows are beyond every retention, new ones within.
  await fill('old')
  await world.jump(100 * DAY)
  await fill('new')
  await world.jump(5 * DAY)
  // VACUUM completes the summaries of BRIN indexes, as autovacuum does.
  await owner.run(rawSql('vacuum analyze'))
  // By design, a full check of the books reads them all, and a daily sweep and the daily comparison of the chain read all addresses.
  await owner.run(sql`update platform.invariant_results set next_at = next_at + interval '1 year'`)
  await owner.run(sql`update payments.watches set due_at = due_at + interval '1 year' where rail like '%:sweep'`)
  await owner.run(sql`insert into reconciliation.runs (rail, day, created_at)
    select 'bitcoin', (${world.clock.now()}::date + n)::text, ${world.clock.now()} from generate_series(-14, 4) n
    on conflict (rail, rail_account, day) do update set due_at = null`)
  // Another process, because what one remembers must not matter.
  await restart(world)
  const tables = await listTables(owner)
  const from = world.clock.now()
  const before = await readTouched(world)
  await world.jump(25 * HOUR)
  const health = await world.api('GET', '/health/detailed')
  assert.equal(health.status, 200, JSON.stringify(health.body))
  const after = await readTouched(world)
  await assertAllRan(world, from)
  return {
    rows: new Map(tables.map(({ name, rows }) => [name, rows])),
    touched: new Map([...after].map(([name, touched]) => [name, touched - (before.get(name) ?? 0)])),
  }
}

/** Restarts the program, and waits until PostgreSQL has counted what the connections of the old one read. */
async function restart(world: World): Promise<void> {
  const { owner } = world.database
  const old = await owner.many<{ pid: number }>(sql`select pid from pg_stat_activity
    where datname = current_database() and usename <> current_user limit 100`)
  await world.crash()
  const pids = old.map(({ pid }) => pid)
  await waitFor('the old connections to end', async () => {
    const { open } = await owner.one<{ open: bigint }>(
      sql`select count(*) as open from pg_stat_activity where pid = any(${pids}) and application_name like 'purser %'`,
    )
    return open === 0n
  })
}

/** Checks that every cron of the program ran, so that a new one is measured, too. */
async function assertAllRan({ app, database }: World, from: Date): Promise<void> {
  const ran = await database.owner.many<{ name: string }>(
    sql`select name from platform.crons where started_at > ${from} order by name limit 1000`,
  )
  const crons = app.modules.flatMap((module) => module.crons ?? []).map(({ name }) => name)
  const missing = [...crons, 'platform.invariants'].filter((name) => !ran.some((one) => one.name === name))
  assert.deepEqual(missing, [], 'every cron ran')
}

void test(
  'the work of crons, queues and health checks does not grow with the tables',
  { timeout: 300_000 },
  async () => {
    const small = await measure(SMALL)
    const large = await measure(4 * SMALL)
    const grown = [...large.rows].flatMap(([name, rows]) => {
      const [few, many] = [small.touched.get(name) ?? 0, large.touched.get(name) ?? 0]
      return many > few + (RANGES[name] ?? SLACK)
        ? [`${name}: ${few} rows read of ${small.rows.get(name) ?? 0}, ${many} of ${rows}`]
        : []
    })
    assert.deepEqual(grown, [])
    const unfilled = [...large.rows].filter(([, rows]) => rows < 4 * SMALL).map(([name]) => name)
    assert.deepEqual(unfilled, EMPTY, 'all other tables are filled')
  },
)
