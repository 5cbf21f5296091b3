import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../test/database.ts'
import { waitFor } from '../../../test/wait.ts'
import { openDb, rawSql, sql, sqlState, type Queryable } from './db.ts'

const backendOf = async (q: Queryable): Promise<number> =>
  (await q.one<{ pid: number }>(sql`select pg_backend_pid() as pid`)).pid

void test('a connection that breaks between statements fails only its transaction', async () => {
  await using t = await openTestDatabase([])
  const errors: Error[] = []
  const db = openDb({ connection: t.connection, onError: (error) => errors.push(error) })
  const failed = db.transaction(async (tx) => {
    const pid = await backendOf(tx)
    await t.owner.run(sql`select pg_terminate_backend(${pid})`)
    await waitFor('the connection to break', () => errors.length > 0)
    return tx.run(sql`select 1`)
  })
  await assert.rejects(failed, /terminated|not queryable|Connection/)
  assert.equal((await db.one<{ one: number }>(sql`select 1 as one`)).one, 1)
  await db.close()
})

void test('a transaction commits everything or nothing', async () => {
  await using t = await openTestDatabase([])
  await t.owner.run(rawSql('create table public.notes (id int primary key); grant all on public.notes to purser_app'))
  const committed: string[] = []
  await t.db.transaction(async (tx) => {
    tx.afterCommit(() => committed.push('first'))
    await tx.run(sql`insert into public.notes values (1)`)
    assert.deepEqual(await t.db.many(sql`select id from public.notes`), [])
  })
  const refused = t.db.transaction(async (tx) => {
    tx.afterCommit(() => committed.push('second'))
    await tx.run(sql`insert into public.notes values (2)`)
    await tx.run(sql`insert into public.notes values (1)`)
  })
  await assert.rejects(refused, (error) => sqlState(error) === '23505')
  assert.deepEqual(await t.db.many(sql`select id from public.notes`), [{ id: 1 }])
  assert.deepEqual(committed, ['first'])
})

void test('a deadlocked transaction is retried', async () => {
  await using t = await openTestDatabase([])
  await t.owner.run(
    rawSql('create table public.rows (id int primary key, n int); grant all on public.rows to purser_app'),
  )
  await t.owner.run(rawSql('insert into public.rows values (1, 0), (2, 0)'))
  let waiting = 0
  const both = Promise.withResolvers<void>()
  const add = (first: number, second: number): Promise<void> =>
    t.db.transaction(async (tx) => {
      await tx.run(sql`update public.rows set n = n + 1 where id = ${first}`)
      if (++waiting === 2) both.resolve()
      await both.promise
      await tx.run(sql`update public.rows set n = n + 1 where id = ${second}`)
    })
  await Promise.all([add(1, 2), add(2, 1)])
  assert.ok(waiting > 2, 'one of the transactions ran again')
  assert.deepEqual(await t.db.many(sql`select n from public.rows order by id`), [{ n: 2 }, { n: 2 }])
})

void test('amounts are bigint, and a fraction is refused instead of rounded', async () => {
  await using t = await openTestDatabase([])
  const row = await t.db.one(sql`select 9007199254740993::bigint as a, ${10n ** 37n}::numeric as b`)
  assert.deepEqual(row, { a: 9007199254740993n, b: 10n ** 37n })
  await assert.rejects(t.db.one(sql`select 1.5::numeric as a`), SyntaxError)
})

void test('a statement over its timeout is cancelled, and idle connections are closed', async () => {
  await using t = await openTestDatabase([])
  const db = openDb({ connection: t.connection, statementTimeoutMs: 50, idleMs: 20 })
  await assert.rejects(db.many(sql`select pg_sleep(600)`), (error) => sqlState(error) === '57014')
  assert.equal((await db.one<{ one: number }>(sql`select 1 as one`)).one, 1)
  await waitFor('the idle connection to be closed', () => db.pool.totalCount === 0)
  await db.close()
})
