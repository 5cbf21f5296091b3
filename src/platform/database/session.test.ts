import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTcpProxy } from '../../../test/tcp-proxy.ts'
import { openTestDatabase } from '../../../test/database.ts'
import { waitFor } from '../../../test/wait.ts'
import { openDb, rawSql, sql } from './db.ts'
import { tryLock } from './migrate/locks.ts'

const KEY = 4_711

/** Opens a session with a lock, through a proxy that can freeze. */
async function openLab(signal?: AbortSignal) {
  await using stack = new AsyncDisposableStack()
  const t = stack.use(await openTestDatabase([]))
  const proxy = stack.use(await openTcpProxy({ path: `${t.connection.host ?? ''}/.s.PGSQL.5432` }))
  const connection = { ...t.connection, host: '127.0.0.1', port: proxy.port }
  const db = stack.adopt(openDb({ connection, max: 1, statementTimeoutMs: 500 }), (opened) => opened.close())
  const session = await db.openSession({ signal })
  assert.equal(await tryLock(session, KEY), true)
  const lives = async (): Promise<boolean> =>
    (await t.owner.maybe(sql`select 1 as found from pg_stat_activity where pid = ${session.pid}`)) !== undefined
  const sleeps = async (): Promise<boolean> =>
    (await t.owner.maybe(
      sql`select 1 as found from pg_stat_activity where pid = ${session.pid} and wait_event = 'PgSleep'`,
    )) !== undefined
  const isFree = async (): Promise<boolean> => {
    const { free } = await t.owner.one<{ free: boolean }>(sql`select pg_try_advisory_xact_lock(${KEY}::bigint) as free`)
    return free
  }
  const kept = stack.move()
  return { proxy, session, lives, sleeps, isFree, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

void test('a statement of a session has the limit of the pool, also when the connection is frozen', async () => {
  await using lab = await openLab()
  await assert.rejects(lab.session.run(rawSql('select pg_sleep(60)')), { code: '57014' })
  lab.proxy.freeze()
  await assert.rejects(lab.session.run(rawSql('select 1')), /Query read timeout/)
  await lab.session.close()
  await waitFor('the lock to be free', lab.isFree)
})

void test('a long statement has no limit, and fails when its answer was lost', async () => {
  await using lab = await openLab()
  await lab.session.runLong(rawSql('select pg_sleep(5)'))
  assert.deepEqual(await lab.session.one(sql`show statement_timeout`), { statement_timeout: '500ms' })
  const lost = assert.rejects(lab.session.runLong(rawSql('select pg_sleep(2)')), /Connection terminated/)
  await waitFor('the statement to run', lab.sleeps)
  lab.proxy.freeze()
  await lost
  await lab.session.close()
  await waitFor('the lock to be free', lab.isFree)
})

void test('an abort ends a long statement of a session and its server process', async () => {
  const aborted = new AbortController()
  await using lab = await openLab(aborted.signal)
  const ended = assert.rejects(lab.session.runLong(rawSql('select pg_sleep(60)')), /Connection terminated/)
  await waitFor('the statement to run', lab.sleeps)
  lab.proxy.freeze()
  aborted.abort()
  await ended
  await lab.session.close()
  await waitFor('the server process to end', async () => !(await lab.lives()))
})

void test('closing a frozen session ends, and frees its locks', async () => {
  await using lab = await openLab()
  lab.proxy.freeze()
  await lab.session.close()
  await waitFor('the lock to be free', lab.isFree)
})
