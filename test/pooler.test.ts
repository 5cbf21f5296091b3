import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { openDb, rawSql, sql } from '#platform/database/db'
import { NO_POOLER, recognizePooler, type Pooler } from '#platform/database/pooler'
import { loginRole } from '#platform/process/roles'
import { databaseRoleCheck } from '#platform/runtime/health'
import { serversMissing } from './cluster/programs.ts'
import { createDataFolder, openExternal, prepare, type External, type ExternalDatabase } from './external.ts'
import { openPgbouncer } from './pgbouncer.ts'
import { createFolder, runPurser, startPurser } from './process.ts'
import { waitFor } from './wait.ts'

const STATEMENTS = 300

/** Runs a process that asks for its own name through the pooler, and exits with 1 when it gets the name of another process. */
async function askForName([, , name = '', url, pooler = '']: readonly string[]): Promise<void> {
  const db = openDb({ connection: { connectionString: url }, pooler: JSON.parse(pooler) as Pooler, max: 3 })
  const statement =
    name === 'credit'
      ? () => sql`select 'credit' as name, ${1}::int as x`
      : () => sql`select 'refund' as name, ${1}::int as x`
  for (let i = 0; i < STATEMENTS; i++) {
    const rows = await Promise.all([1, 2, 3].map(() => db.one<{ name: string }>(statement())))
    if (rows.some((row) => row.name !== name)) process.exit(1)
  }
  await db.close()
}

let external: External

if (process.argv[2] === 'credit' || process.argv[2] === 'refund') {
  await askForName(process.argv)
} else {
  void describe('behind PgBouncer', { skip: serversMissing }, () => {
    before(async () => void (external = await openExternal()))
    after(() => external[Symbol.asyncDispose]())
    tests()
  })
}

const entry = (user: string): string => `"${user}" "${user}"`

const openPooler = (desk: ExternalDatabase, mode: 'session' | 'transaction', poolSize = 10) =>
  openPgbouncer(external.folder, { databasePort: external.postgres.port, mode, users: [entry(desk.owner)], poolSize })

function tests(): void {
  void test('a pooler is recognised, and its mode and its statements are tried', async () => {
    const desk = await external.createDatabase()
    const recognize = (port?: number, declared?: 'session' | 'transaction'): Promise<Pooler> =>
      recognizePooler({ connectionString: desk.url(desk.owner, port) }, { declared, connectTimeoutMs: 5000 })
    assert.deepEqual(await recognize(), NO_POOLER)
    assert.deepEqual(await recognize(undefined, 'session'), NO_POOLER)
    assert.deepEqual(await recognize(undefined, 'transaction'), { mode: 'transaction', keepsStatements: false })
    await using shared = await openPooler(desk, 'transaction')
    assert.deepEqual(await recognize(shared.port), { mode: 'transaction', keepsStatements: false })
    await assert.rejects(recognize(shared.port, 'session'), { code: 'platform.pooler-mode', message: /^[^\n]+$/ })
    await using own = await openPooler(desk, 'session')
    assert.deepEqual(await recognize(own.port, 'session'), { mode: 'session', keepsStatements: true })
    assert.equal((await recognize(own.port)).mode, 'transaction')
    await using narrow = await openPooler(desk, 'session', 1)
    assert.equal((await recognize(narrow.port, 'session')).mode, 'session')
  })

  void test('through a transaction pooler a worker needs DATABASE_DIRECT_URL, and a web instance needs a migrated database', async (t) => {
    const desk = await external.createDatabase()
    await using pooler = await openPooler(desk, 'transaction')
    const dataDir = createDataFolder(t)
    const pooled = { DATABASE_URL: desk.url(desk.owner, pooler.port) }
    for (const type of ['worker', 'all']) {
      await assert.rejects(prepare(dataDir, { ...pooled, INSTANCE_TYPE: type }), {
        code: 'platform.direct-url-missing',
        message: /^[^\n]*DATABASE_DIRECT_URL[^\n]*$/,
      })
    }
    const web = { ...pooled, INSTANCE_TYPE: 'web' }
    await assert.rejects(prepare(dataDir, web), { code: 'platform.direct-url-missing', message: /Start a worker/ })

    const worker = { ...pooled, INSTANCE_TYPE: 'worker', DATABASE_DIRECT_URL: desk.url() }
    const refused = await prepare(dataDir, worker)
    assert.deepEqual([refused.database.role, refused.database.pooler.mode], ['owner', 'transaction'])
    assert.equal(refused.database.direct.port, external.postgres.port)
    const file = join(dataDir, 'database-role.sql')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const [, line = ''] =
      new RegExp(`^-- ("${loginRole(desk.name)}" "[\\w-]{43}")$`, 'm').exec(readFileSync(file, 'utf8')) ?? []
    assert.notEqual(line, '')
    assert.ok(!refused.warnings.join().includes(line.split('"')[3] ?? 'none'))

    await pooler.addUser(line)
    const { database } = await waitFor('the pooler to know the login', async () => {
      const prepared = await prepare(dataDir, worker)
      return prepared.database.role === 'restricted' && prepared
    })
    assert.deepEqual(
      [database.user, database.app.port, database.direct.port],
      [loginRole(desk.name), pooler.port, external.postgres.port],
    )
    const served = await prepare(dataDir, web)
    assert.deepEqual([served.database.role, served.database.user], ['restricted', loginRole(desk.name)])
    const db = openDb({
      connection: served.database.app,
      pooler: served.database.pooler,
      expectedUser: served.database.user,
    })
    assert.deepEqual(
      await db.one(
        sql`select current_setting('statement_timeout') as statement, current_setting('search_path') as path`,
      ),
      {
        statement: '30s',
        path: 'pg_catalog, pg_temp',
      },
    )
    await db.close()
  })

  void test('a pooler that logs everyone in as the owner does not count as a restricted login', async (t) => {
    const desk = await external.createDatabase()
    const dataDir = createDataFolder(t)
    const { database: direct } = await prepare(dataDir, { DATABASE_URL: desk.url() })
    const users = [entry(desk.owner), `"${direct.user}" "${String(direct.app.password)}"`]
    const options = {
      databasePort: external.postgres.port,
      mode: 'transaction',
      users,
      forcedUser: desk.owner,
    } as const
    await using pooler = await openPgbouncer(external.folder, options)
    const env = { DATABASE_URL: desk.url(desk.owner, pooler.port), DATABASE_DIRECT_URL: desk.url() }
    const { database, warnings } = await prepare(dataDir, env)
    assert.equal(database.role, 'owner')
    assert.match(warnings.join(), new RegExp(`gets the role "${desk.owner}"`))
    await assert.rejects(prepare(createDataFolder(t), { ...env, PURSER_MODE: 'live' }), { code: 'platform.other-mode' })
  })

  void test('DATABASE_DIRECT_URL must reach the server itself and the same database', async (t) => {
    const [desk, other] = [await external.createDatabase(), await external.createDatabase()]
    await using pooler = await openPooler(desk, 'transaction')
    const dataDir = createDataFolder(t)
    const pooled = { DATABASE_URL: desk.url(desk.owner, pooler.port) }
    await assert.rejects(prepare(dataDir, { ...pooled, DATABASE_DIRECT_URL: desk.url(desk.owner, pooler.port) }), {
      code: 'platform.direct-is-pooled',
    })
    await assert.rejects(prepare(dataDir, { ...pooled, DATABASE_DIRECT_URL: other.url() }), {
      code: 'platform.other-database',
    })
    await assert.rejects(prepare(dataDir, { DATABASE_URL: desk.url(), DATABASE_OWNER_URL: other.url() }), {
      code: 'platform.other-database',
    })
  })

  void test('through a transaction pooler the owner and a prepared login have time-outs and search path, too', async (t) => {
    const settings = sql`select current_user::text as user, current_setting('statement_timeout') as statement,
      current_setting('idle_in_transaction_session_timeout') as idle, current_setting('search_path') as path`
    for (const role of ['owner', 'restricted'] as const) {
      const desk = await external.createDatabase({ createrole: false })
      const user = role === 'owner' ? desk.owner : `login_${desk.name}`
      if (role === 'restricted') await external.createUser(user)
      const users = [...new Set([desk.owner, user])].map(entry)
      await using pooler = await openPgbouncer(external.folder, {
        ...{ databasePort: external.postgres.port, mode: 'transaction', users },
      })
      const { database, warnings } = await prepare(createDataFolder(t), {
        DATABASE_URL: desk.url(user, pooler.port),
        ...(role === 'owner'
          ? { DATABASE_DIRECT_URL: desk.url(), DATABASE_ROLE: 'owner' }
          : { DATABASE_DIRECT_URL: desk.url(user), DATABASE_OWNER_URL: desk.url() }),
      })
      assert.deepEqual([database.role, database.user], [role, user])
      assert.ok(!warnings.join().includes('through the pooler'), warnings.join())
      const db = openDb({ connection: database.app, pooler: database.pooler, max: 5 })
      const check = databaseRoleCheck(database, db)
      for (const found of await Promise.all([1, 2, 3, 4, 5].map(() => db.one(settings))))
        assert.deepEqual(found, { user, statement: '30s', idle: '30s', path: 'pg_catalog, pg_temp' }, role)
      assert.equal((await check.check()).status, 'healthy')
      await external.postgres.query(`alter role ${user} in database ${desk.name} set statement_timeout = 0`)
      await external.postgres.query(`select pg_terminate_backend(pid) from pg_stat_activity where usename = '${user}'`)
      await waitFor('the check to notice', async () => (await check.check()).status === 'degraded')
      await db.close()
    }
  })

  void test('DATABASE_POOLER=session stops the start when the pooler contradicts it, and lets a worker run when it is true', async (t) => {
    const desk = await external.createDatabase()
    await using shared = await openPooler(desk, 'transaction')
    await using own = await openPooler(desk, 'session')
    const env = (port: number) => ({
      DATABASE_URL: desk.url(desk.owner, port),
      DATABASE_POOLER: 'session',
      DATABASE_ROLE: 'owner',
    })
    const dataDir = createDataFolder(t)
    await assert.rejects(prepare(dataDir, env(shared.port)), { code: 'platform.pooler-mode' })
    const { database } = await prepare(dataDir, env(own.port))
    assert.deepEqual([database.pooler.mode, database.role], ['session', 'owner'])
  })

  void test('DATABASE_POOLER=transaction counts for a pooler that is not recognised', async (t) => {
    const desk = await external.createDatabase()
    const dataDir = createDataFolder(t)
    // Without a pooler, as behind one that tells its clients the process id of the server.
    const declared = { DATABASE_URL: desk.url(), DATABASE_POOLER: 'transaction' }
    for (const owner of [{}, { DATABASE_OWNER_URL: desk.url() }])
      await assert.rejects(prepare(dataDir, { ...declared, ...owner, INSTANCE_TYPE: 'worker' }), {
        code: 'platform.direct-url-missing',
      })
    await assert.rejects(prepare(dataDir, { ...declared, INSTANCE_TYPE: 'web' }), {
      code: 'platform.direct-url-missing',
      message: /Start a worker/,
    })
  })

  void test('a command bypasses the pooler, where a long check would have the limit of the role', async (t) => {
    const desk = await external.createDatabase({ createrole: false })
    await using pooler = await openPooler(desk, 'transaction')
    const dataDir = join(createFolder(t), 'data')
    const pooled = { DATABASE_URL: desk.url(desk.owner, pooler.port), DATABASE_DIRECT_URL: desk.url() }
    const server = await startPurser({ dataDir, env: { ...pooled, DATABASE_ROLE: 'owner' } })
    server.kill('SIGTERM')
    await server.exited
    await external.postgres.query(`alter role ${desk.owner} in database ${desk.name} set statement_timeout = '1s'`)
    await external.postgres.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where usename = '${desk.owner}'`,
    )
    const db = openDb({ connection: { connectionString: desk.url() }, max: 1 })
    const holder = await db.openSession()
    await holder.run(rawSql('begin; lock table ledger.accounts'))
    const checked = runPurser(['check'], { dataDir, env: { ...pooled, DATABASE_ROLE: 'owner' } })
    await waitFor('the check to wait for longer than the limit of the role', async () =>
      db.maybe(
        sql`select 1 as found from pg_stat_activity
          where wait_event_type = 'Lock' and clock_timestamp() - query_start > interval '2 s'`,
      ),
    )
    await holder.close()
    await db.close()
    const { code, stderr } = await checked
    assert.equal(code, 0, stderr)
  })

  void test('two processes through a transaction pooler never run the statement of the other', async () => {
    const desk = await external.createDatabase()
    await using pooler = await openPooler(desk, 'transaction', 2)
    const url = desk.url(desk.owner, pooler.port)
    const mode = await recognizePooler({ connectionString: url }, { connectTimeoutMs: 5000 })
    const codes = await Promise.all(
      ['credit', 'refund'].map(async (name) => {
        const args = [import.meta.filename, name, url, JSON.stringify(mode)]
        const [code] = (await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit')) as [number]
        return code
      }),
    )
    assert.deepEqual(codes, [0, 0])
  })

  void test(
    'a worker stops with one line, and web and worker serve payments through the pooler',
    { timeout: 120_000 },
    async (t) => {
      const desk = await external.createDatabase()
      await using pooler = await openPooler(desk, 'transaction')
      const folder = createFolder(t)
      const dataDir = join(folder, 'data')
      const pooled = { DATABASE_URL: desk.url(desk.owner, pooler.port) }
      const { code, stderr } = await runPurser(['start'], { dataDir, env: pooled })
      assert.equal(code, 1)
      assert.match(stderr, /^DATABASE_URL reaches a connection pooler in transaction mode.*DATABASE_DIRECT_URL.*\n$/)
      const server = await startPurser({ dataDir, env: { ...pooled, DATABASE_DIRECT_URL: desk.url() } })
      const headers = { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' }
      const call = async (method: string, path: string, body?: object): Promise<any> =>
        (await fetch(`${server.url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })).json()
      const { id } = await call('POST', '/api/v1/payments', { amount: '1500.00', currency: 'KES' })
      await call('POST', `/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone: '254700000001' })
      await waitFor(
        'the payment to be paid',
        async () => (await call('GET', `/api/v1/payments/${id}`)).status === 'paid',
        30_000,
      )
      server.kill('SIGTERM')
      await server.exited
    },
  )
}
