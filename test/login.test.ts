import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import { systemClock } from '#platform/base/clock'
import type { AppError } from '#platform/base/errors'
import { openDb, rawSql, sql } from '#platform/database/db'
import { silentLog } from '#platform/observe/log'
import { loginRole } from '#platform/process/roles'
import { createBackgroundMigrations } from '#platform/runtime/background-migrations'
import { migrateJobs } from '#platform/runtime/jobs'
import { serversMissing } from './cluster/programs.ts'
import { createDataFolder, openExternal, prepare, type External } from './external.ts'
import { createFolder, runPurser, startPurser } from './process.ts'

const skip = serversMissing
let external: External
async function query<T extends object>(connection: pg.ClientConfig, text: string): Promise<T[]> {
  const client = new pg.Client(connection)
  await client.connect()
  try {
    return (await client.query<T>(text)).rows
  } finally {
    await client.end()
  }
}

const canLogIn = (connection: pg.ClientConfig): Promise<boolean> =>
  query(connection, 'select 1').then(
    () => true,
    () => false,
  )

const folders = new Map<string, string>()
function createDataFolderOf(t: Parameters<typeof createDataFolder>[0], name: string): string {
  const dataDir = folders.get(name) ?? createDataFolder(t)
  folders.set(name, dataDir)
  return dataDir
}

void describe('logins in an external PostgreSQL', { skip }, () => {
  before(async () => void (external = await openExternal()))
  after(() => external[Symbol.asyncDispose]())

  void test('an owner that may create roles makes one login per database, which can do nothing but its work', async (t) => {
    const [one, two] = [await external.createDatabase(), await external.createDatabase()]
    const dataDir = createDataFolder(t)
    const { database, warnings } = await prepare(dataDir, { DATABASE_URL: one.url() })
    assert.deepEqual([database.role, database.user, warnings], ['restricted', loginRole(one.name), []])
    assert.match(database.user, /^purser_[0-9a-f]{10}_app$/)
    const [facts] = await query<Record<string, unknown>>(
      database.app,
      `select current_user::text as user, rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication or rolinherit as powerful,
      current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle,
      current_setting('search_path') as path from pg_roles where rolname = current_user`,
    )
    assert.deepEqual(facts, {
      user: database.user,
      powerful: false,
      statement: '30s',
      idle: '30s',
      path: 'pg_catalog, pg_temp',
    })
    for (const statement of [
      'create temp table x (a int)',
      'create table public.x (a int)',
      'create schema x',
      'update platform.state set value = 1',
      `set role ${one.owner}`,
    ]) {
      await assert.rejects(query(database.app, statement), { code: '42501' }, statement)
    }
    const other = await prepare(createDataFolder(t), { DATABASE_URL: two.url() })
    assert.notEqual(other.database.user, database.user)
    await assert.rejects(query({ ...database.app, database: two.name }, 'select * from platform.state'), {
      code: '42501',
    })
    const again = await prepare(dataDir, { DATABASE_URL: one.url(), DATABASE_STATEMENT_TIMEOUT_MS: '5000' })
    assert.equal(again.database.user, database.user)
    assert.deepEqual(await query(again.database.app, 'show statement_timeout'), [{ statement_timeout: '5s' }])
  })

  void test('options in DATABASE_URL cannot take the restriction away', async (t) => {
    const desk = await external.createDatabase()
    for (const options of [`-c role=${desk.owner}`, `--role=${desk.owner} -c work_mem=8MB`, '-c work_mem=8MB']) {
      const url = `${desk.url()}?options=${encodeURIComponent(options)}`
      const { database } = await prepare(createDataFolderOf(t, desk.name), { DATABASE_URL: url })
      const [row] = await query<{ user: string }>(database.app, 'select current_user::text as user')
      assert.deepEqual([database.role, row?.user], ['restricted', loginRole(desk.name)], options)
    }
    const { database } = await prepare(createDataFolderOf(t, desk.name), { DATABASE_URL: desk.url() })
    const changed = { ...database.owner, options: '' }
    const db = openDb({ connection: changed, expectedUser: database.user, max: 1 })
    await assert.rejects(db.one(sql`select 1 as one`), { code: 'platform.wrong-role' })
    await db.close()
  })

  void test('no connection of the owner runs under another role', async (t) => {
    const desk = await external.createDatabase()
    const { database } = await prepare(createDataFolder(t), { DATABASE_URL: desk.url() })
    const { owner, ownerUser } = database
    await external.postgres.query(`create role other_${desk.name} role ${desk.owner}`)
    await external.postgres.query(`alter role ${desk.owner} in database ${desk.name} set role = other_${desk.name}`)
    const isWrong = { code: 'platform.wrong-role' }
    await assert.rejects(migrateJobs(owner, database.user, { expectedUser: ownerUser }), isWrong)
    const folder = createDataFolder(t)
    writeFileSync(join(folder, '0001-fill.sql'), '-- kind: batched\nselect 1;')
    const schemas = [{ name: 'shop', folder: pathToFileURL(`${folder}/`) }]
    const db = openDb({ connection: database.app, max: 1 })
    const { run } = createBackgroundMigrations({ db, owner, ownerUser, schemas })
    await assert.rejects(run({ log: silentLog, signal: new AbortController().signal, now: systemClock.now() }), isWrong)
    await db.close()
  })

  void test('an owner without the right to create roles: degraded, refused in live mode, or accepted', async (t) => {
    const desk = await external.createDatabase({ createrole: false })
    const dataDir = createDataFolder(t)
    const env = { DATABASE_URL: desk.url() }
    const { database, warnings } = await prepare(dataDir, env)
    const file = join(dataDir, 'database-role.sql')
    assert.deepEqual([database.role, database.user], ['owner', desk.owner])
    assert.match(database.roleProblem ?? '', /database-role\.sql in DATA_DIR/)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(warnings.length, 1)
    assert.ok(warnings[0]?.includes(file) && warnings[0].includes('DATABASE_ROLE=owner'), warnings[0])
    const text = readFileSync(file, 'utf8')
    assert.match(text, new RegExp(`create role "${loginRole(desk.name)}" login nosuperuser`))
    for (const secret of text.match(/'SCRAM[^']+'/g) ?? ['none']) assert.ok(!warnings.join().includes(secret))

    const accepted = await prepare(dataDir, { ...env, DATABASE_ROLE: 'owner' })
    assert.deepEqual([accepted.database.role, accepted.database.roleProblem], ['owner', undefined])

    await external.postgres.query(text, [], desk.name)
    const restricted = await prepare(dataDir, env)
    assert.deepEqual([restricted.database.role, restricted.database.user], ['restricted', loginRole(desk.name)])
    assert.deepEqual(await query(restricted.database.app, 'show search_path'), [{ search_path: 'pg_catalog, pg_temp' }])
    assert.equal(existsSync(file), false)
  })

  void test('live mode without a restricted login refuses with one line that says both ways out', async (t) => {
    const desk = await external.createDatabase({ createrole: false })
    const dataDir = createDataFolder(t)
    const env = { DATABASE_URL: desk.url(), PURSER_MODE: 'live' }
    await assert.rejects(prepare(dataDir, env), (error: AppError) => {
      assert.equal(error.code, 'platform.database-role')
      assert.ok(error.message.includes(join(dataDir, 'database-role.sql')), error.message)
      assert.match(error.message, /DATABASE_ROLE=owner/)
      assert.ok(!error.message.includes('\n'))
      return true
    })
    const accepted = await prepare(dataDir, { ...env, DATABASE_ROLE: 'owner' })
    assert.equal(accepted.database.role, 'owner')
  })

  void test('a login that someone gave more rights is not used', async (t) => {
    const desk = await external.createDatabase()
    const dataDir = createDataFolder(t)
    const role = loginRole(desk.name)
    await prepare(dataDir, { DATABASE_URL: desk.url() })
    for (const [give, take] of [
      [`grant ${desk.owner} to ${role}`, `revoke ${desk.owner} from ${role}`],
      [`alter role ${role} superuser`, `alter role ${role} nosuperuser`],
      [`alter role ${role} bypassrls`, `alter role ${role} nobypassrls`],
    ] as const) {
      await external.postgres.query(give)
      assert.equal((await prepare(dataDir, { DATABASE_URL: desk.url() })).database.role, 'owner', give)
      await external.postgres.query(take)
    }
    assert.equal((await prepare(dataDir, { DATABASE_URL: desk.url() })).database.role, 'restricted')
  })

  void test('with DATABASE_OWNER_URL the user of DATABASE_URL is the restricted login, unless it is a member of a powerful role', async (t) => {
    const desk = await external.createDatabase()
    await external.createUser('shop')
    const dataDir = createDataFolder(t)
    const env = { DATABASE_URL: desk.url('shop'), DATABASE_OWNER_URL: desk.url() }
    const { database } = await prepare(dataDir, env)
    assert.deepEqual([database.role, database.user], ['restricted', 'shop'])
    assert.deepEqual(await query(database.app, `select value from platform.state where key = 'mode'`), [
      { value: 'sandbox' },
    ])
    assert.deepEqual(await query(database.app, 'show statement_timeout'), [{ statement_timeout: '30s' }])
    await assert.rejects(query(database.app, 'delete from platform.state'), { code: '42501' })
    await external.postgres.query('create role admins superuser')
    for (const group of [desk.owner, 'admins', 'pg_write_all_data', 'pg_execute_server_program']) {
      await external.postgres.query(`grant ${group} to shop`)
      const member = await prepare(dataDir, env)
      assert.deepEqual([member.database.role, member.database.user], ['restricted', loginRole(desk.name)], group)
      await external.postgres.query(`revoke ${group} from shop`)
    }
    assert.equal((await prepare(dataDir, env)).database.user, 'shop')
  })

  void test('a new version of the master key changes the password, but never under another instance', async (t) => {
    const desk = await external.createDatabase()
    const dataDir = createDataFolder(t)
    const env = { DATABASE_URL: desk.url() }
    const { database: first } = await prepare(dataDir, env)
    const instance = openDb({ connection: first.app, max: 1 })
    await instance.run(sql`select 1`)
    const added = { version: 2, key: Buffer.alloc(32, 7).toString('base64url') }
    appendFileSync(join(dataDir, 'master.key'), `${JSON.stringify(added)}\n`)
    const beside = await prepare(dataDir, env)
    assert.equal(beside.database.app.password, first.app.password)
    assert.match(beside.warnings.join(), /earlier version of the master key/)
    await instance.close()
    const { database, warnings } = await prepare(dataDir, env)
    assert.notEqual(database.app.password, first.app.password)
    assert.deepEqual([warnings, await canLogIn(database.app), await canLogIn(first.app)], [[], true, false])
    await external.postgres.query(`alter role ${database.user} password 'changed by hand'`)
    const healed = await prepare(dataDir, env)
    assert.deepEqual([healed.database.role, await canLogIn(healed.database.app)], ['restricted', true])
  })

  void test('rights of all roles that the owner cannot take away are named with their statements', async (t) => {
    const desk = await external.createDatabase()
    await external.postgres.query(`alter database ${desk.name} owner to postgres`)
    await external.postgres.query(`grant create, temporary on database ${desk.name} to public`)
    await external.postgres.query(`grant create on database ${desk.name} to ${desk.owner}`)
    const { database, warnings } = await prepare(createDataFolder(t), { DATABASE_URL: desk.url() })
    assert.equal(database.role, 'restricted')
    assert.match(warnings.join(), new RegExp(`revoke temporary, create on database "${desk.name}" from public`))
  })

  void test('a database that is closed to all roles is opened to the login', async (t) => {
    const desk = await external.createDatabase()
    await external.postgres.query(`revoke connect on database ${desk.name} from public`)
    const { database } = await prepare(createDataFolder(t), { DATABASE_URL: desk.url() })
    assert.equal(database.role, 'restricted')
  })

  void test('a server with too few connections is named at the start', async (t) => {
    const desk = await external.createDatabase()
    await external.postgres.query(`alter database ${desk.name} connection limit 12`)
    const { warnings } = await prepare(createDataFolder(t), { DATABASE_URL: desk.url() })
    assert.match(warnings.join(), /needs 20 database connections, but the limit of the database allows 12/)
  })

  void test('sslmode follows libpq without a warning: prefer works without TLS, require does not', async (t) => {
    const desk = await external.createDatabase()
    const dataDir = createDataFolder(t)
    const seen: string[] = []
    const onWarning = (warning: Error): void => void seen.push(warning.message)
    process.on('warning', onWarning)
    t.after(() => process.off('warning', onWarning))
    assert.equal((await prepare(dataDir, { DATABASE_URL: `${desk.url()}?sslmode=prefer` })).database.role, 'restricted')
    await assert.rejects(prepare(dataDir, { DATABASE_URL: `${desk.url()}?sslmode=require` }), {
      code: 'platform.database-unreachable',
      message: /does not support SSL/,
    })
    assert.deepEqual(seen, [])
  })

  void test('health shows the owner role, and commands use the restricted login', { timeout: 120_000 }, async (t) => {
    const desk = await external.createDatabase({ createrole: false })
    const folder = createFolder(t)
    const options = { dataDir: join(folder, 'data'), env: { DATABASE_URL: desk.url() } }
    const degraded = await startPurser(options)
    const check = async (url: string): Promise<{ status: string; detail: Record<string, string> }> =>
      ((await (await fetch(`${url}/health/detailed`)).json()) as any).checks['database-role']
    const { status, detail } = await check(degraded.url)
    assert.equal(status, 'degraded')
    assert.equal(detail['role'], 'owner')
    const log = degraded.output()
    const file = readFileSync(join(options.dataDir, 'database-role.sql'), 'utf8')
    assert.ok(log.includes('database-role.sql') && !log.includes('SCRAM-SHA-256'))
    await external.postgres.query(file, [], desk.name)
    degraded.kill('SIGTERM')
    await degraded.exited

    const healthy = await startPurser(options)
    assert.deepEqual((await check(healthy.url)).status, 'healthy')
    const who = ['db', 'sql', '--json', 'select current_user::text as user']
    const userOf = async (args: string[]): Promise<unknown> => JSON.parse((await runPurser(args, options)).stdout)
    assert.deepEqual(await userOf(who), [{ user: loginRole(desk.name) }])
    assert.deepEqual(await userOf([...who, '--owner']), [{ user: desk.owner }])
    const { stdout } = await runPurser(['db', 'url'], options)
    const db = openDb({ connection: { connectionString: stdout.trim() }, expectedUser: loginRole(desk.name), max: 1 })
    await assert.rejects(db.run(rawSql('delete from ledger.transfers')), { code: '42501' })
    await db.close()
    const checked = await runPurser(['config', 'check'], options)
    assert.match(
      checked.stdout,
      /17 = pool 10 \+ heartbeat 1 \+ lost commits 1 \+ jobs 3 \+ background migrations 2 \+ locks 0/,
    )
    healthy.kill('SIGTERM')
    await healthy.exited
  })
})
