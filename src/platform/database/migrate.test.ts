import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openTestDatabase, type TestDatabase } from '../../../test/database.ts'
import { openTcpProxy } from '../../../test/tcp-proxy.ts'
import { waitFor } from '../../../test/wait.ts'
import { openDb, rawSql, sql, type Db, type Session } from './db.ts'
import { listBackground, migrate, migrateInBackground, requireCode, requireCurrent, type Schema } from './migrate.ts'
import { platformSchema } from './schema.ts'

const later = { name: 'later', folder: new URL('../../identity/migrations/', import.meta.url) }

/** A schema in a temporary folder whose files a test adds. */
function createSchema(name = 'shop') {
  const folder = mkdtempSync(join(tmpdir(), 'purser-migrations-'))
  const schema: Schema = { name, folder: pathToFileURL(`${folder}/`) }
  return {
    schema,
    add: (file: string, text: string) => writeFileSync(join(folder, file), text),
    /** Returns the schema of a version that has only these files. */
    versionWith: (files: Readonly<Record<string, string>>): Schema => {
      const other = mkdtempSync(join(folder, 'version-'))
      mkdirSync(other, { recursive: true })
      for (const [file, text] of Object.entries(files)) writeFileSync(join(other, file), text)
      return { name, folder: pathToFileURL(`${other}/`) }
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

const ORDERS = `create table shop.orders (id text primary key, note text);
insert into shop.orders select 'o' || to_char(n, 'FM0000'), null from generate_series(1, 250) n;`

/** Opens a database with the platform and the table `shop.orders`. */
async function openShop() {
  const database = await openTestDatabase([platformSchema])
  const shop = createSchema()
  shop.add('0001-orders.sql', ORDERS)
  const schemas = [platformSchema, shop.schema]
  await migrate(database.owner, schemas)
  const lines: string[] = []
  return {
    ...{ database, shop, schemas, lines },
    options: { log: (line: string) => void lines.push(line), lockTimeoutMs: 100, giveUpMs: 20_000 },
    background: (aborted = new AbortController()) =>
      migrateInBackground(database.owner, schemas, {
        signal: aborted.signal,
        pauseMs: 0,
        log: (line) => lines.push(line),
      }),
    [Symbol.asyncDispose]: async () => {
      shop[Symbol.dispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** Opens a transaction that has read a table, as a long report does. */
async function openReader({ ownerConnection }: TestDatabase, table: string) {
  const db = openDb({ connection: ownerConnection, max: 1, applicationName: 'report' })
  const session = await db.openSession()
  await session.run(rawSql(`begin; select count(*) from ${table}`))
  let closed = false
  const close = async (): Promise<void> => {
    if (closed) return
    closed = true
    await session.close()
    await db.close()
  }
  return { session, close, [Symbol.asyncDispose]: close }
}

const indexState = async (q: Db | Session, name: string): Promise<boolean | undefined> =>
  (
    await q.maybe<{ valid: boolean }>(
      sql`select indisvalid as valid from pg_index where indexrelid = to_regclass(${name})`,
    )
  )?.valid

void test('a database is current when exactly the known migrations have run', async () => {
  await using database = await openTestDatabase([platformSchema])
  await requireCurrent(database.owner, [platformSchema])
  await assert.rejects(requireCurrent(database.owner, [platformSchema, later]), {
    code: 'platform.schema-older',
    message: /migration later\/0001-\S+\.sql is pending.*purser start/,
  })
})

void test('a migration lets requests pass while it waits for a lock, names the session that blocks it, and runs when it ends', async () => {
  await using t = await openShop()
  await using reader = await openReader(t.database, 'shop.orders')
  t.shop.add('0002-add-total.sql', 'alter table shop.orders add column total int;')
  const migrated = migrate(t.database.owner, t.schemas, t.options)
  let slowestMs = 0
  await waitFor('the second try', async () => {
    const from = performance.now()
    await t.database.owner.run(sql`insert into shop.orders (id) values (gen_random_uuid()::text)`)
    slowestMs = Math.max(slowestMs, performance.now() - from)
    return t.lines.filter((line) => line.includes('did not get its lock')).length >= 2
  })
  assert.ok(slowestMs < 2_000, `an insert waited ${slowestMs} ms`)
  assert.match(
    t.lines[0] ?? '',
    /shop\/0002-add-total\.sql did not get its lock.*pid \d+, report, idle in transaction, .*transaction open for \d+ s/,
  )
  assert.doesNotMatch(t.lines.join(), /select count/)
  await reader.close()
  assert.deepEqual(await migrated, ['shop/0002-add-total.sql'])
})

void test('a migration that gets no lock for too long fails, changes nothing and says which session to end', async () => {
  await using t = await openShop()
  const reader = await openReader(t.database, 'shop.orders')
  t.shop.add('0002-two.sql', 'create table shop.first (id int); alter table shop.orders add column total int;')
  await assert.rejects(migrate(t.database.owner, t.schemas, { ...t.options, giveUpMs: 200 }), {
    code: 'platform.migration-blocked',
    message: /pid \d+, report/,
  })
  assert.equal(
    (await t.database.owner.one<{ gone: boolean }>(sql`select to_regclass('shop.first') is null as gone`)).gone,
    true,
  )
  await reader.close()
})

void test('instances that start together build an index concurrently once, without a deadlock', async () => {
  await using t = await openShop()
  t.shop.add('0002-note.sql', '-- kind: concurrent\ncreate index concurrently orders_note on shop.orders (note);\n')
  // The build waits for this writer, so all instances are waiting at the same time.
  await using writer = await openReader(t.database, 'shop.orders')
  await writer.session.run(sql`insert into shop.orders (id) values ('open')`)
  const others = [
    openDb({ connection: t.database.ownerConnection, max: 2 }),
    openDb({ connection: t.database.ownerConnection, max: 2 }),
  ]
  try {
    const starts = [t.database.owner, ...others].map((db) => migrate(db, t.schemas, t.options))
    await waitFor(
      'two instances to wait',
      () => t.lines.filter((line) => line.startsWith('Another instance')).length === 2,
    )
    await writer.close()
    const results = await Promise.all(starts)
    assert.deepEqual(results.flat(), ['shop/0002-note.sql'])
    assert.equal(await indexState(t.database.owner, 'shop.orders_note'), true)
  } finally {
    for (const db of others) await db.close()
  }
})

void test('an instance without pending migrations starts while another one migrates', async () => {
  await using t = await openShop()
  const old = [platformSchema, t.shop.versionWith({ '0001-orders.sql': ORDERS })]
  t.shop.add('0002-note.sql', '-- kind: concurrent\ncreate index concurrently orders_note on shop.orders (note);\n')
  await using writer = await openReader(t.database, 'shop.orders')
  await writer.session.run(sql`insert into shop.orders (id) values ('open')`)
  const migrating = migrate(t.database.owner, t.schemas, t.options)
  await waitFor('the build to begin', async () => (await indexState(t.database.owner, 'shop.orders_note')) === false)
  assert.deepEqual(await migrate(t.database.owner, old, t.options), [])
  await writer.close()
  await migrating
})

void test('an invalid index that a killed build left behind is built again', async () => {
  await using t = await openShop()
  t.shop.add(
    '0002-note.sql',
    '-- kind: concurrent\ncreate unique index concurrently orders_note on shop.orders (note) where note is not null;\n',
  )
  await using writer = await openReader(t.database, 'shop.orders')
  await writer.session.run(sql`insert into shop.orders (id) values ('open')`)
  const killed = assert.rejects(migrate(t.database.owner, t.schemas, t.options), { code: 'platform.migration-failed' })
  await waitFor('the build to begin', async () => (await indexState(t.database.owner, 'shop.orders_note')) === false)
  await t.database.owner.run(sql`select pg_terminate_backend(pid) from pg_stat_activity
    where query like 'create unique index concurrently%' and datname = current_database()`)
  await killed
  await writer.close()
  assert.equal(await indexState(t.database.owner, 'shop.orders_note'), false)
  assert.deepEqual(await migrate(t.database.owner, t.schemas, t.options), ['shop/0002-note.sql'])
  assert.equal(await indexState(t.database.owner, 'shop.orders_note'), true)
  assert.match(t.lines.join('\n'), /shop\.orders_note is invalid/)
})

void test('an index on a partitioned table is built per partition, attached, and continued after a failure', async () => {
  await using t = await openShop()
  t.shop.add(
    '0002-days.sql',
    `create table shop.days (day date not null, note text) partition by range (day);
create table shop.days_1 partition of shop.days for values from ('2026-01-01') to ('2026-02-01');
create table shop.days_2 partition of shop.days for values from ('2026-02-01') to ('2026-03-01');
insert into shop.days values ('2026-01-05', 'a'), ('2026-02-05', 'b');`,
  )
  await migrate(t.database.owner, t.schemas)
  t.shop.add('0003-index.sql', '-- kind: concurrent\ncreate index concurrently days_note on shop.days (note);\n')
  // State after a build that was killed after the first partition.
  await t.database.owner.run(rawSql('create index days_note on only shop.days (note)'))
  await t.database.owner.run(rawSql('create index days_note_days_1 on shop.days_1 (note)'))
  await t.database.owner.run(rawSql('alter index shop.days_note attach partition shop.days_note_days_1'))
  assert.equal(await indexState(t.database.owner, 'shop.days_note'), false)
  assert.deepEqual(await migrate(t.database.owner, t.schemas), ['shop/0003-index.sql'])
  for (const name of ['days_note', 'days_note_days_1', 'days_note_days_2'])
    assert.equal(await indexState(t.database.owner, `shop.${name}`), true, name)
})

const BACKFILL = `-- kind: batched
with batch as (select id from shop.orders where id > :after order by id limit 100),
  changed as (update shop.orders o set note = coalesce(note, 'none') from batch b where b.id = o.id)
select count(*) as rows, max(id) as position from batch;
`

void test('a batched migration does not delay the start, and continues after an interruption from stored progress', async () => {
  await using t = await openShop()
  t.shop.add('0002-fill.sql', BACKFILL)
  assert.deepEqual(await migrate(t.database.owner, t.schemas), [])
  await requireCurrent(t.database.owner, t.schemas)
  const aborted = new AbortController()
  const first = migrateInBackground(t.database.owner, t.schemas, { signal: aborted.signal, pauseMs: 60_000 })
  const progress = () =>
    t.database.owner.maybe<{ position: string; rows: bigint }>(sql`select position, rows from platform.migration_steps`)
  await waitFor('the first batch', progress)
  assert.deepEqual(await t.background(), { applied: [], waiting: [] }, 'one instance at a time')
  aborted.abort()
  assert.deepEqual((await first).applied, [])
  assert.deepEqual(await progress(), { position: 'o0100', rows: 100n })
  await t.database.owner.run(sql`update shop.orders set note = null where id = 'o0001'`)
  assert.deepEqual((await t.background()).applied, ['shop/0002-fill.sql'])
  const open = await t.database.owner.many<{ id: string }>(sql`select id from shop.orders where note is null limit 10`)
  assert.deepEqual(open, [{ id: 'o0001' }], 'the second run did not begin from the start')
  assert.deepEqual(await listBackground(t.database.owner, t.schemas), [])
})

void test('a background migration over a frozen connection fails in a batch, and a later run continues it', async () => {
  await using t = await openShop()
  await using proxy = await openTcpProxy({ path: `${t.database.connection.host ?? ''}/.s.PGSQL.5432` })
  t.shop.add(
    '0002-fill-note.sql',
    `-- kind: batched
    with batch as (select id from shop.orders where id > :after order by id limit 100),
      changed as (update shop.orders o set note = 'filled' from batch b where b.id = o.id)
    select count(*) as rows, max(id) as position from batch;`,
  )
  const connection = { ...t.database.ownerConnection, host: '127.0.0.1', port: proxy.port }
  const db = openDb({ connection, max: 1, statementTimeoutMs: 500 })
  const frozen = proxy.freezeOn((text) => text.includes('o0200'))
  await assert.rejects(migrateInBackground(db, t.schemas, { signal: new AbortController().signal, pauseMs: 0 }), {
    code: 'platform.migration-failed',
  })
  await frozen
  await db.close()
  await waitFor('a later run to complete it', async () => (await t.background()).applied.length === 1)
  const { filled } = await t.database.owner.one<{ filled: bigint }>(
    sql`select count(*) as filled from shop.orders where note = 'filled'`,
  )
  assert.equal(filled, 250n)
})

void test('a batched statement without a key runs until it changes no row', async () => {
  await using t = await openShop()
  t.shop.add(
    '0002-fill.sql',
    "-- kind: batched\nupdate shop.orders set note = 'x' where id in (select id from shop.orders where note is null limit 100);\n",
  )
  assert.deepEqual((await t.background()).applied, ['shop/0002-fill.sql'])
  const { open } = await t.database.owner.one<{ open: bigint }>(
    sql`select count(*) as open from shop.orders where note is null`,
  )
  assert.equal(open, 0n)
})

void test('a concurrent migration may run in the background', async () => {
  await using t = await openShop()
  t.shop.add(
    '0002-note.sql',
    '-- kind: concurrent\n-- run: background\ncreate index concurrently orders_note on shop.orders (note);\n',
  )
  assert.deepEqual(await migrate(t.database.owner, t.schemas), [])
  assert.deepEqual((await t.background()).applied, ['shop/0002-note.sql'])
  assert.equal(await indexState(t.database.owner, 'shop.orders_note'), true)
})

const CONTRACT = '-- kind: contract\n-- needs: 0002-fill\nalter table shop.orders drop column note;\n'

void test('a contract migration waits for its background steps and for instances whose code needs the old shape', async () => {
  await using t = await openShop()
  t.shop.add('0002-fill.sql', BACKFILL)
  t.shop.add('0003-drop-note.sql', CONTRACT)
  const register = (id: string, migrations: readonly string[]) => (q: Pick<Db, 'run'>) =>
    q.run(sql`insert into platform.instances (id, roles, host, pid, version, pools, started_at, beat_at, migrations)
      values (${id}, '{web}', 'host', 7, ${`version of ${id}`}, '{}', now(), now(), ${migrations})`)
  await register('old', ['shop/0001-orders.sql'])(t.database.owner)
  assert.deepEqual(await migrate(t.database.owner, t.schemas), [])
  const blocked = await t.background()
  assert.deepEqual(blocked.applied, ['shop/0002-fill.sql'])
  assert.match(blocked.waiting.join(), /0003-drop-note\.sql waits for .*version of old on host, pid 7/)
  await t.database.owner.run(sql`delete from platform.instances`)
  // An instance that registers while the contract migration runs waits for it, and then refuses.
  await using reader = await openReader(t.database, 'shop.orders')
  const contracting = t.background()
  await waitFor('the contract migration to wait for the reader', async () =>
    t.database.owner.maybe(
      sql`select 1 as found from pg_locks where not granted and relation = to_regclass('shop.orders')`,
    ),
  )
  const old = [platformSchema, t.shop.versionWith({ '0001-orders.sql': ORDERS })]
  await register('late', ['shop/0001-orders.sql'])(t.database.owner)
  const refused = assert.rejects(requireCode(t.database.db, old), { code: 'platform.schema-newer' })
  await waitFor('the instance to wait for the contract migration', async () =>
    t.database.owner.maybe(
      sql`select 1 as found from pg_stat_activity where query like '%try_advisory_xact_lock_shared%' and pid <> pg_backend_pid()`,
    ),
  )
  await reader.close()
  assert.deepEqual((await contracting).applied, ['shop/0003-drop-note.sql'])
  await refused
})

void test('a program runs on a database with unknown migrations that only added, and refuses one that removed what it needs', async () => {
  await using t = await openShop()
  const files = { '0001-orders.sql': ORDERS }
  const [old, marked] = [files, { ...files, '0002-fill.sql': BACKFILL }].map((each) => [
    platformSchema,
    t.shop.versionWith(each),
  ])
  t.shop.add('0002-fill.sql', BACKFILL)
  await t.background()
  assert.deepEqual(await migrate(t.database.owner, old ?? [], t.options), [])
  assert.match(t.lines.at(-1) ?? '', /newer version.*1 migrations.*shop\/0002-fill\.sql/)
  await requireCurrent(t.database.owner, old ?? [])
  t.shop.add('0003-drop-note.sql', CONTRACT)
  assert.deepEqual((await t.background()).applied, ['shop/0003-drop-note.sql'])
  for (const check of [migrate, requireCurrent])
    await assert.rejects(check(t.database.owner, old ?? []), {
      code: 'platform.schema-newer',
      message: /shop\/0003-drop-note\.sql, which removed what this version of Purser needs/,
    })
  await requireCurrent(t.database.owner, marked ?? [])
  assert.deepEqual(await migrate(t.database.owner, marked ?? []), [])
  await t.database.owner.run(
    sql`update platform.migrations set kind = 'of the future', needs = null where name = '0003-drop-note.sql'`,
  )
  await assert.rejects(requireCurrent(t.database.owner, marked ?? []), { code: 'platform.schema-newer' })
})

void test('a migration that was edited after it ran is refused', async () => {
  await using t = await openShop()
  t.shop.add('0001-orders.sql', `${ORDERS}\n-- edited`)
  for (const check of [migrate, requireCurrent])
    await assert.rejects(check(t.database.owner, t.schemas), { code: 'platform.migration-changed' })
})

void test('a new schema is migrated as a whole at the start', async () => {
  await using database = await openTestDatabase([platformSchema])
  using shop = createSchema()
  shop.add('0001-orders.sql', ORDERS)
  shop.add('0002-fill.sql', BACKFILL)
  shop.add('0003-drop-note.sql', CONTRACT)
  const applied = await migrate(database.owner, [platformSchema, shop.schema])
  assert.deepEqual(applied, ['shop/0001-orders.sql', 'shop/0002-fill.sql', 'shop/0003-drop-note.sql'])
})

void test('a migration with a wrong header is refused before anything runs', async () => {
  await using t = await openShop()
  for (const [text, problem] of [
    ['-- kind: expend\nselect 1;', /'expend' is no kind/],
    ['-- kind: contract\nselect 1;', /names what it needs/],
    ['-- kind: contract\n-- needs: 0009-later\nselect 1;', /'0009-later'/],
    ['-- kind: batched\n-- run: background\nselect 1;', /is for concurrent/],
  ] as const) {
    t.shop.add('0002-wrong.sql', text)
    await assert.rejects(migrate(t.database.owner, t.schemas), { code: 'platform.bad-migration', message: problem })
  }
  t.shop.add('0002-wrong.sql', '-- kind: concurrent\ncreate index orders_note on shop.orders (note);')
  await assert.rejects(migrate(t.database.owner, t.schemas), {
    message: /`concurrently`, with a name, on schema\.table/,
  })
})
