import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase, type TestDatabase } from '../../../test/database.ts'
import { openTcpProxy, type TcpProxy } from '../../../test/tcp-proxy.ts'
import { waitFor } from '../../../test/wait.ts'
import { isDatabaseUnavailable, openDb, rawSql, sql, type Db, type Tx } from './db.ts'
import { createInitializedDir } from './postgres/fixture.ts'
import { startPostgres } from './postgres.ts'

interface Lab extends AsyncDisposable {
  readonly t: TestDatabase
  readonly proxy: TcpProxy
  /** Connects through the proxy. */
  readonly db: Db
  readonly ids: () => Promise<number[]>
}

async function openLab(): Promise<Lab> {
  const stack = new AsyncDisposableStack()
  const t = stack.use(await openTestDatabase([]))
  await t.owner.run(rawSql('create table public.notes (id int); grant all on public.notes to purser_app'))
  const proxy = stack.use(await openTcpProxy({ path: `${t.connection.host ?? ''}/.s.PGSQL.5432` }))
  const connection = { ...t.connection, host: '127.0.0.1', port: proxy.port }
  const db = openDb({ connection, max: 2, statementTimeoutMs: 300 })
  stack.defer(() => db.close())
  const ids = async () =>
    (await t.db.many<{ id: number }>(sql`select id from public.notes order by id`)).map(({ id }) => id)
  return { t, proxy, db, ids, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const insert = (tx: Tx, id: number) => tx.run(sql`insert into public.notes values (${id})`)
const isUnknown = { code: 'platform.commit-unknown', status: 503, retryAfterSeconds: 5 }
const isCommit = (text: string): boolean => text.includes('COMMIT')

void test('a COMMIT whose answer is lost is read back as committed', async () => {
  await using lab = await openLab()
  const hooks: string[] = []
  const withheld = lab.proxy.freezeOn(isCommit)
  let runs = 0
  const done = lab.db.transaction(async (tx) => {
    runs++
    tx.afterCommit(() => hooks.push('committed'))
    await insert(tx, 1)
    return 'stored'
  })
  await withheld
  assert.deepEqual(hooks, [], 'nothing is known before the answer')
  lab.proxy.cut()
  assert.equal(await done, 'stored')
  assert.deepEqual([runs, hooks, await lab.ids()], [1, ['committed'], [1]])
})

void test('a COMMIT that never arrived is rolled back before the transaction runs again', async () => {
  await using lab = await openLab()
  let runs = 0
  const hooks: number[] = []
  const done = await lab.db.transaction(async (tx) => {
    const run = ++runs
    tx.afterCommit(() => hooks.push(run))
    await insert(tx, run)
    if (run === 1) lab.proxy.freeze()
    return run
  })
  assert.equal(done, 2)
  // The frozen COMMIT reaches the server after all.
  lab.proxy.thaw()
  await waitFor('the first session to end', async () => (await lab.t.db.one<{ n: number }>(OPEN)).n === 0)
  assert.deepEqual([hooks, await lab.ids()], [[2], [2]])
})

const OPEN = sql`select count(*)::int as n from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'`

void test('a connection that is cut while it waits for COMMIT leaves the result of PostgreSQL', async () => {
  await using lab = await openLab()
  await lab.t.owner.run(
    rawSql(`create function public.refuse() returns trigger language plpgsql as $$ begin
        if new.id = 13 then raise exception 'unlucky' using errcode = '23514'; end if; return new; end $$;
      create constraint trigger refuse after insert on public.notes deferrable initially deferred
        for each row execute function public.refuse()`),
  )
  let runs = 0
  const answered = lab.db.transaction((tx) => {
    runs++
    return insert(tx, 13)
  })
  await assert.rejects(answered, /unlucky/)
  assert.equal(runs, 1, 'an answered refusal is no unknown COMMIT')
  const withheld = lab.proxy.freezeOn((text) => text.includes('unlucky'))
  runs = 0
  const refused = lab.db.transaction((tx) => insert(tx, ++runs === 1 ? 13 : 14))
  await withheld
  lab.proxy.cut()
  await refused
  assert.deepEqual([runs, await lab.ids()], [2, [14]])
})

void test('a COMMIT that cannot be read back is unknown', async () => {
  await using lab = await openLab()
  const withheld = lab.proxy.freezeOn(isCommit)
  const hooks: string[] = []
  const lost = lab.db.transaction(async (tx) => {
    tx.afterCommit(() => hooks.push('committed'))
    await insert(tx, 1)
  })
  const refused = assert.rejects(lost, isUnknown)
  await withheld
  lab.proxy.refuse()
  lab.proxy.cut()
  await refused
  await assert.rejects(lost, isDatabaseUnavailable)
  assert.deepEqual([hooks, await lab.ids()], [[], [1]])
})

void test('after a failover the end of a transaction is unknown unless its function may run again', async (t) => {
  const dataDir = await createInitializedDir(t)
  const first = await startPostgres({ dataDir })
  await using proxy = await openTcpProxy({ path: `${first.owner.host}/.s.PGSQL.5432` })
  const connection = { ...first.owner, host: '127.0.0.1', port: proxy.port }
  const db = openDb({ connection, max: 2 })
  await db.run(rawSql('create table public.notes (id int primary key)'))
  const runs = [0, 0]
  const add = (id: number, repeatable: boolean) =>
    db.transaction(
      async (tx) => {
        runs[id] = (runs[id] ?? 0) + 1
        await tx.run(sql`insert into public.notes values (${id}) on conflict do nothing`)
        return tx.one(sql`select id from public.notes where id = ${id}`)
      },
      { repeatable },
    )
  const withheld = [proxy.freezeOn(isCommit)]
  const once = assert.rejects(add(0, false), isUnknown)
  await withheld[0]
  withheld.push(proxy.freezeOn(isCommit))
  const again = add(1, true)
  await withheld[1]
  await first.stop()
  const second = await startPostgres({ dataDir })
  proxy.retarget({ path: `${second.owner.host}/.s.PGSQL.5432` })
  proxy.cut()
  await once
  assert.deepEqual([await again, runs], [{ id: 1 }, [1, 2]])
  await db.close()
  await second.stop()
})

void test('after the crash of one session the end of its transaction is unknown, though another one has its id', async (t) => {
  const dataDir = await createInitializedDir(t)
  const server = await startPostgres({ dataDir })
  const [db, others] = [openDb({ connection: server.owner }), openDb({ connection: server.owner })]
  await db.run(rawSql('create table public.notes (id int)'))
  const lost = db.transaction(async (tx) => {
    await insert(tx, 1)
    const own = await tx.one<{ pid: number; xid: bigint }>(
      sql`select pg_backend_pid() as pid, pg_current_xact_id()::text::bigint as xid`,
    )
    process.kill(own.pid, 'SIGKILL')
    const isUsedAgain = async (): Promise<boolean> => {
      const next = others.one<{ xid: bigint }>(sql`select pg_current_xact_id()::text::bigint as xid`)
      return (await next.catch(() => ({ xid: 0n }))).xid > own.xid
    }
    await waitFor('other transactions to use the ids', isUsedAgain)
  })
  await assert.rejects(lost, isUnknown)
  assert.deepEqual(await others.many(sql`select id from public.notes`), [])
  await Promise.all([db.close(), others.close()])
  await server.stop()
})

void test('a transaction that goes on after a failed statement is no success', async () => {
  await using lab = await openLab()
  const hooks: string[] = []
  const swallowed = lab.db.transaction(async (tx) => {
    tx.afterCommit(() => hooks.push('committed'))
    await insert(tx, 1)
    await tx.run(sql`select 1 / ${0}::int`).catch(() => undefined)
  })
  await assert.rejects(swallowed, { code: 'internal' })
  assert.deepEqual([hooks, await lab.ids()], [[], []])
})

void test('a transaction has its own time limit, and a snapshot writes nothing', async () => {
  await using lab = await openLab()
  const sleep = (tx: Tx) => tx.run(sql`select pg_sleep(${0.6})`)
  await assert.rejects(lab.db.transaction(sleep), { code: '57014' })
  await lab.db.transaction(sleep, { timeoutMs: 5000 })
  await lab.db.transaction(sleep, { timeoutMs: 0 })
  await assert.rejects(
    lab.db.run(sql`select pg_sleep(${0.6})`),
    { code: '57014' },
    'the limit ends with the transaction',
  )
  const read = lab.db.transaction(
    async (tx) => {
      const before = await tx.one(sql`select count(*)::int as n from public.notes`)
      await lab.t.db.run(sql`insert into public.notes values (${1})`)
      assert.deepEqual(await tx.one(sql`select count(*)::int as n from public.notes`), before)
      return insert(tx, 2)
    },
    { snapshot: true },
  )
  await assert.rejects(read, { code: '25006' })
  assert.deepEqual(await lab.ids(), [1])
})
