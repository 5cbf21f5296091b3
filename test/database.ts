import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { ClientConfig } from 'pg'
import { openDb, rawSql, sql, type Db, type Sql } from '#platform/database/db'
import { applyGrants } from '#platform/database/grants'
import { migrateJobs } from '#platform/runtime/jobs'
import { migrate, pollLock, type Schema } from '#platform/database/migrate'
import { startPostgres, type PostgresConnection } from '#platform/database/postgres'

interface Server {
  owner: PostgresConnection
  app: PostgresConnection
}

export interface TestDatabase extends AsyncDisposable {
  /** Connects with the running program's role, which has no rights on the schema. */
  readonly db: Db
  /** Connects with the role that migrates. */
  readonly owner: Db
  readonly connection: ClientConfig
  /** Role of `connection`. */
  readonly user: string
  readonly ownerConnection: ClientConfig
}

let server: Promise<Server> | undefined
let count = 0
/** Ends what this file started. Registered outside any test, so it runs after all tests of the file. */
const endings: (() => Promise<void>)[] = []
after(async () => {
  for (const end of endings) await end()
})

/**
 * Opens a fresh database with these schemas, cloned from a migrated template in about 30 ms. Uses the test run's server, or starts one for
 * this file when the file runs alone.
 */
export async function openTestDatabase(schemas: readonly Schema[]): Promise<TestDatabase> {
  server ??= findServer()
  const { owner, app } = await server
  const role = app.user
  const maintenance = openDb({ connection: owner, max: 1 })
  const name = `test_${process.pid}_${++count}`
  try {
    const template = await ensureTemplate(maintenance, { owner, role, schemas })
    await maintenance.run(rawSql(`create database ${name} template ${template}`))
    // A clone does not copy the rights on the database.
    await maintenance.run(rawSql(`revoke temporary on database ${name} from public`))
  } finally {
    await maintenance.close()
  }
  const connection = { ...app, database: name }
  const ownerConnection = { ...owner, database: name }
  const db = openDb({ connection })
  const ownerDb = openDb({ connection: ownerConnection, max: 2 })
  return {
    db,
    owner: ownerDb,
    connection,
    user: app.user,
    ownerConnection,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([db.close(), ownerDb.close()])
      const last = openDb({ connection: owner, max: 1 })
      await last.run(rawSql(`drop database ${name} with (force)`))
      await last.close()
    },
  }
}

/** Returns the test run's server, or starts one that ends with the file's tests. */
async function findServer(): Promise<Server> {
  const given = process.env.PURSER_TEST_POSTGRES
  if (given) return JSON.parse(given) as Server
  const dataDir = mkdtempSync(join(tmpdir(), 'purser-test-'))
  const started = await startPostgres({ dataDir, settings: { fsync: 'off', synchronous_commit: 'off' } })
  endings.push(async () => {
    await started.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })
  return started
}

interface TemplateOptions {
  readonly owner: PostgresConnection
  readonly role: string
  readonly schemas: readonly Schema[]
}

async function ensureTemplate(maintenance: Db, { owner, role, schemas }: TemplateOptions): Promise<string> {
  const name = `template_${hashOf(schemas)}`
  const session = await maintenance.openSession()
  try {
    await pollLock(session, 7305999)
    const known = await session.maybe(sql`select 1 as there from pg_database where datname = ${name} and datistemplate`)
    if (known) return name
    await session.run(rawSql(`drop database if exists ${name}`))
    await session.run(rawSql(`create database ${name}`))
    const connection = { ...owner, database: name }
    const db = openDb({ connection, max: 2 })
    try {
      await migrate(db, schemas)
      if (schemas.some((schema) => schema.name === 'platform')) await migrateJobs(connection, role)
      await applyGrants(db, schemas, role)
    } finally {
      await db.close()
    }
    await session.run(rawSql(`alter database ${name} is_template true`))
    return name
  } finally {
    await session.close()
  }
}

function hashOf(schemas: readonly Schema[]): string {
  const hash = createHash('sha256')
  for (const { name, folder } of schemas) {
    hash.update(name)
    for (const file of readdirSync(folder).toSorted()) hash.update(file).update(readFileSync(new URL(file, folder)))
  }
  return hash.digest('hex').slice(0, 16)
}

/**
 * Changes rows as no program can: as the owner, with the guards of the table off. For tests of damaged books, and of the states that a crash
 * leaves behind.
 */
export async function tamper({ owner }: Pick<TestDatabase, 'owner'>, statement: Sql): Promise<void> {
  const table = /^(?:update|insert into|delete from) (\w+\.\w+)/.exec(statement.text)?.[1] ?? ''
  await owner.transaction(async (tx) => {
    const guards = await tx.many<{ name: string }>(
      sql`select tgname as name from pg_trigger where tgrelid = ${table}::regclass and not tgisinternal and tgenabled = 'A' limit 100`,
    )
    await tx.run(rawSql(`alter table ${table} disable trigger user`))
    await tx.run(statement)
    await tx.run(rawSql(`alter table ${table} enable trigger user`))
    for (const { name } of guards) await tx.run(rawSql(`alter table ${table} enable always trigger ${name}`))
  })
}
