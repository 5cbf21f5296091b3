import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { openTestDatabase } from '../../../test/database.ts'
import { openDb, rawSql, sql, sqlState, type Db, type Queryable } from './db.ts'
import type { Pooler } from './pooler.ts'

/** Opens a pool of one connection, so that all statements meet on one backend. */
const openOne = (connection: Parameters<typeof openDb>[0]['connection'], pooler?: Pooler): Db =>
  openDb({ connection, max: 1, ...(pooler && { pooler }) })

const preparedOn = async (q: Queryable): Promise<number> =>
  (await q.one<{ n: number }>(rawSql('select count(*)::int as n from pg_prepared_statements'))).n

void test('two processes give a statement one name, whatever they ran before', () => {
  const module = JSON.stringify(new URL('./sql.ts', import.meta.url).href)
  const namesOf = (order: string): unknown =>
    JSON.parse(
      execFileSync(process.execPath, [
        '--input-type=module',
        '-e',
        `import { sql } from ${module}
        const of = { a: () => sql\`select \${1}::int as n\`, b: () => sql\`select \${1}::int as m\` }
        const found = {}
        for (const key of ${JSON.stringify(order)}) found[key] = of[key]().name
        console.log(JSON.stringify([found.a, found.b]))`,
      ]).toString(),
    )
  const [a, b] = namesOf('ab') as string[]
  assert.deepEqual(namesOf('ba'), [a, b])
  assert.notEqual(a, b)
  const others = [sql`select ${1}::int as n `, sql`select ${1}::int as  n`, sql`select ${1}::int as n`]
  assert.equal(new Set(others.map(({ name }) => name)).size, 3, 'every other text has another name')
  assert.equal(others[2]?.name, a)
})

void test('a statement that the backend lost, or has already, runs once more without a name', async () => {
  await using t = await openTestDatabase([])
  const numbered = (n: number) => sql`select ${n}::int as n`
  const lost = openOne(t.connection)
  await lost.one(numbered(1))
  await lost.run(rawSql('deallocate all'))
  assert.deepEqual(await lost.one(numbered(2)), { n: 2 })
  await lost.one(numbered(3))
  assert.equal(await preparedOn(lost), 0, 'statements stay unnamed behind a pooler that loses them')
  await lost.close()

  const taken = openOne(t.connection)
  await taken.run(rawSql(`prepare "${numbered(1).name ?? ''}" as select 'another' as n`))
  assert.deepEqual(await taken.one(numbered(4)), { n: 4 })
  await taken.close()
})

void test('a plan whose result a migration changed runs once more without a name', async () => {
  await using t = await openTestDatabase([])
  await t.owner.run(rawSql('create table public.notes (id int primary key); grant all on public.notes to purser_app'))
  const db = openOne(t.connection)
  const insert = (id: number) => sql`insert into public.notes (id) values (${id}) returning *`
  const other = () => sql`select ${1}::int as n`
  await db.one(insert(1))
  await t.owner.run(rawSql('alter table public.notes add column note text'))
  assert.deepEqual(await db.one(insert(2)), { id: 2, note: null })
  await db.one(other())
  assert.equal(await preparedOn(db), 2, 'other statements keep their names')
  await assert.rejects(
    db.run(rawSql('alter system set port = 1')),
    /permission/,
    'another 0A000 or refusal is no such case',
  )
  await db.close()
})

void test('a stale statement repeats a transaction only when its function may run again', async () => {
  await using t = await openTestDatabase([])
  await t.owner.run(rawSql('create table public.notes (id int primary key); grant all on public.notes to purser_app'))
  let runs = 0
  const stale = async (db: Db, repeatable: boolean): Promise<unknown> => {
    const read = () => sql`select id from public.notes where id = ${7}`
    await db.many(read())
    return db.transaction(
      async (tx) => {
        runs++
        await tx.run(rawSql('insert into public.notes values (7)'))
        // The pooler moves to a server connection without the statement.
        if (runs === 1) await tx.run(rawSql('deallocate all'))
        return tx.one(read())
      },
      { repeatable },
    )
  }
  const once = openOne(t.connection)
  await assert.rejects(stale(once, false), (error) => sqlState(error) === '26000')
  assert.equal(runs, 1)
  assert.deepEqual(await t.db.many(sql`select id from public.notes`), [], 'nothing was stored')
  await once.close()

  runs = 0
  const again = openOne(t.connection)
  assert.deepEqual(await stale(again, true), { id: 7 })
  assert.equal(runs, 2)
  await again.close()
})

void test('a changed plan repeats a transaction without names', async () => {
  await using t = await openTestDatabase([])
  await t.owner.run(rawSql('create table public.notes (id int primary key); grant all on public.notes to purser_app'))
  await t.owner.run(rawSql('insert into public.notes values (1)'))
  const db = openOne(t.connection)
  // Each of them is stale. Without names all three are repaired in one more run.
  const all = [
    () => sql`select * from public.notes`,
    () => sql`select *, ${1}::int as n from public.notes`,
    () => sql`select *, ${2}::int as m from public.notes`,
  ]
  for (const each of all) await db.one(each())
  await t.owner.run(rawSql('alter table public.notes add column note text'))
  let runs = 0
  const read = async (tx: Queryable) => {
    runs++
    const rows = []
    for (const each of all) rows.push(await tx.one(each()))
    return rows
  }
  const row = { id: 1, note: null }
  assert.deepEqual(await db.transaction(read, { repeatable: true }), [row, { ...row, n: 1 }, { ...row, m: 2 }])
  assert.equal(runs, 2)
  await db.close()
})

void test('statements have no names behind a pooler that does not keep them', async () => {
  await using t = await openTestDatabase([])
  const counts = []
  for (const keepsStatements of [false, true]) {
    const db = openOne(t.connection, { mode: 'transaction', keepsStatements })
    await db.one(sql`select ${1}::int as n`)
    await db.transaction((tx) => tx.one(sql`select ${2}::int as m`))
    counts.push(await preparedOn(db))
    await db.close()
  }
  assert.deepEqual(counts, [0, 2])
})
