// Posts transfers through Node, beside one-row INSERTs through the same pool. Both alternate in one run.
import { createLedger, HOT_SHARDS, ledgerSchema, type Account, type Ledger, type Transfer } from '#ledger'
import { systemClock } from '#platform/base/clock'
import { openDb, rawSql, sql, type Db } from '#platform/database/db'
import { createIds } from '#platform/base/ids'
import { silentLog } from '#platform/observe/log'
import { applyGrants } from '#platform/database/grants'
import { migrate } from '#platform/database/migrate'
import { alternate, drive, type Rates } from './lib/drive.ts'
import { atLeast, ms, percent, perSecond, type Bench, type BenchContext, type Bound, type Table } from './lib/result.ts'

const ACCOUNTS = 5_000
const BATCH = 100
const ASSET = 'KES/2'

const purses: readonly Account[] = Array.from({ length: ACCOUNTS }, (_, i) => ({
  code: `bench:purse-${i}`,
  asset: ASSET,
  mayOverdraw: false,
}))
const world: Account = { code: 'bench:world', asset: ASSET, mayOverdraw: true }
const hotSharded: Account = { code: 'bench:revenue', asset: ASSET, mayOverdraw: true, shards: HOT_SHARDS }
const hotRow: Account = { code: 'bench:one-row', asset: ASSET, mayOverdraw: true }

const ids = createIds(systemClock)
let step = 1
/** Returns an account other than `not`. The sequence is the same in each run of the benchmark. */
function pickAccount(not?: Account): Account {
  step = (step * 48_271) % 2_147_483_647
  const found = purses[step % ACCOUNTS] ?? world
  return found === not ? pickAccount(not) : found
}

function transferTo(to?: Account): Transfer {
  const from = pickAccount()
  return { id: ids.uuid(), from, to: to ?? pickAccount(from), amount: 100n, kind: 'bench.post', ref: 'rcp_01kd3v0000' }
}

const insertRow = (db: Db): Promise<number> =>
  db.run(sql`insert into bench.rows (id, src, dst, amount, asset, kind, ref, at)
    values (${ids.uuid()}, ${1n}, ${2n}, ${100n}, ${ASSET}, ${'bench.post'}, ${'rcp_01kd3v0000'}, ${systemClock.now().toISOString()})`)

async function prepare(context: BenchContext): Promise<{ ledger: Ledger; pools: Record<1 | 10 | 32, Db> }> {
  const { owner, app } = await context.startPostgres()
  const ownerDb = openDb({ connection: owner, max: 1 })
  context.defer(() => ownerDb.close())
  await migrate(ownerDb, [ledgerSchema])
  await applyGrants(ownerDb, [ledgerSchema], app.user)
  await ownerDb.run(rawSql('create schema bench'))
  await ownerDb.run(
    rawSql(`create table bench.rows (id uuid primary key, src bigint not null, dst bigint not null, amount numeric(38,0) not null,
      asset text not null, kind text not null, ref text not null, at timestamptz not null)`),
  )
  await ownerDb.run(rawSql('grant usage on schema bench to purser_app'))
  await ownerDb.run(rawSql('grant insert on bench.rows to purser_app'))
  const open = (max: number): Db => {
    const db = openDb({ connection: app, max })
    context.defer(() => db.close())
    return db
  }
  const pools = { 1: open(1), 10: open(10), 32: open(32) }
  const ledger = createLedger({ clock: systemClock, log: silentLog, sealKey: Buffer.alloc(32, 1) })
  const funding = [...purses, hotSharded, hotRow].map((to) => {
    return { id: ids.uuid(), from: world, to, amount: 10n ** 12n, kind: 'bench.fund', ref: 'start' }
  })
  for (let i = 0; i < funding.length; i += 1_000) await ledger.post(pools[1], funding.slice(i, i + 1_000))
  await ownerDb.run(rawSql('vacuum analyze ledger.balances'))
  await ownerDb.run(rawSql('vacuum analyze ledger.transfers'))
  return { ledger, pools }
}

type Name =
  `${'insert' | 'post'} ${1 | 10 | 32}` | `${'hot' | 'one row'} ${10 | 32}` | 'in transaction 10' | `batch ${1 | 10}`

const bench: Bench = async (context) => {
  const { ledger, pools } = await prepare(context)
  const run = (lanes: 1 | 10 | 32, act: (db: Db) => Promise<unknown>) => (): Promise<Rates> =>
    drive({ lanes, durationMs: context.durationMs, act: () => act(pools[lanes]) })
  const post = (to?: Account) => (db: Db) => ledger.post(db, [transferTo(to)])
  const batch = (db: Db) =>
    ledger.post(
      db,
      Array.from({ length: BATCH }, () => transferTo()),
    )
  const rates = await alternate<Name>(
    {
      'insert 1': run(1, insertRow),
      'post 1': run(1, post()),
      'insert 10': run(10, insertRow),
      'post 10': run(10, post()),
      'insert 32': run(32, insertRow),
      'post 32': run(32, post()),
      'in transaction 10': run(10, (db) => db.transaction((tx) => ledger.post(tx, [transferTo()]))),
      'hot 10': run(10, post(hotSharded)),
      'hot 32': run(32, post(hotSharded)),
      'one row 10': run(10, post(hotRow)),
      'one row 32': run(32, post(hotRow)),
      'batch 1': run(1, batch),
      'batch 10': run(10, batch),
    },
    context.runs,
  )
  return {
    tables: renderTables(rates),
    bounds: listBounds(rates),
    notes: [
      `${ACCOUNTS} accounts may not go below zero. Each posting uses two of them, or one and the hot account.`,
      'The INSERT writes the same eight columns into a table with only a primary key. It is prepared and its own transaction, like each posting.',
    ],
  }
}

function renderTables(rates: Record<Name, Rates>): Table[] {
  const row = (what: string, name: Name, floor: Name): (string | number)[] => {
    const { p50Us, p99Us } = rates[name]
    return [what, perSecond(rates[name]), percent(share(rates, name, floor)), ms(p50Us), ms(p99Us)]
  }
  return [
    {
      title: 'One by one',
      columns: ['', 'per second', 'share of INSERT', 'p50', 'p99'],
      rows: [
        row('one-row INSERT, 1 connection', 'insert 1', 'insert 1'),
        row('posting, 1 connection', 'post 1', 'insert 1'),
        row('one-row INSERT, 10 connections', 'insert 10', 'insert 10'),
        row('posting, 10 connections', 'post 10', 'insert 10'),
        row('posting inside begin and commit, 10 connections', 'in transaction 10', 'insert 10'),
        row(`posting into one account of ${HOT_SHARDS} shards, 10 connections`, 'hot 10', 'insert 10'),
        row('posting into one account without shards, 10 connections', 'one row 10', 'insert 10'),
        row('one-row INSERT, 32 connections', 'insert 32', 'insert 32'),
        row('posting, 32 connections', 'post 32', 'insert 32'),
        row(`posting into one account of ${HOT_SHARDS} shards, 32 connections`, 'hot 32', 'insert 32'),
        row('posting into one account without shards, 32 connections', 'one row 32', 'insert 32'),
      ],
    },
    {
      title: `Batches of ${BATCH}`,
      columns: ['', 'transfers per second', 'p50', 'p99'],
      rows: ([1, 10] as const).map((lanes) => {
        const { p50Us, p99Us } = rates[`batch ${lanes}`]
        return [`${lanes} at once`, transfersPerSecond(rates, lanes).toLocaleString('en-US'), ms(p50Us), ms(p99Us)]
      }),
    },
  ]
}

function listBounds(rates: Record<Name, Rates>): Bound[] {
  const batched = transfersPerSecond(rates, 10)
  return [
    atLeast('posting beside INSERT, 1 connection', share(rates, 'post 1', 'insert 1'), 0.5),
    atLeast('posting beside INSERT, 10 connections', share(rates, 'post 10', 'insert 10'), 0.5),
    atLeast('posting beside INSERT, 32 connections', share(rates, 'post 32', 'insert 32'), 0.5),
    atLeast('hot account beside spread ones, 10 connections', share(rates, 'hot 10', 'post 10'), 0.8),
    atLeast('hot account beside spread ones, 32 connections', share(rates, 'hot 32', 'post 32'), 0.8),
    {
      what: `transfers per second in batches of ${BATCH}`,
      wanted: 'at least 20,000',
      got: batched.toLocaleString('en-US'),
      met: batched >= 20_000,
    },
  ]
}

const share = (rates: Record<Name, Rates>, of: Name, floor: Name): number =>
  rates[of].perSecond / rates[floor].perSecond
const transfersPerSecond = (rates: Record<Name, Rates>, lanes: 1 | 10): number =>
  rates[`batch ${lanes}`].perSecond * BATCH

export default bench
