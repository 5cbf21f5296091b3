import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { sql, type Db, type Session } from './db.ts'
import { AppError } from '../base/errors.ts'

/** The PostgreSQL schema of a module. `folder` holds migrations `NNNN-title.sql`, which run in order. */
export interface Schema {
  name: string
  folder: URL
}

interface Migration {
  schema: string
  name: string
  text: string
  hash: string
}

const LOCK = 7_305_001
const FILE = /^\d{4}-[a-z0-9-]+\.sql$/

/**
 * Applies pending migrations of all schemas under an advisory lock, with one transaction per migration. Throws `platform.schema-newer`
 * for migrations that this version does not know and `platform.migration-changed` for a migration that was edited after it ran.
 * @returns names of the migrations that this call applied
 */
export async function migrate(db: Db, schemas: readonly Schema[]): Promise<string[]> {
  const session = await db.openSession()
  try {
    await session.run(sql`select pg_advisory_lock(${LOCK})`)
    await session.run(sql`create schema if not exists platform`)
    await session.run(sql`create table if not exists platform.migrations (
      schema text not null, name text not null, hash text not null, applied_at timestamptz not null default now(),
      primary key (schema, name))`)
    const done = await session.many<Omit<Migration, 'text'>>(sql`select schema, name, hash from platform.migrations`)
    const known = schemas.flatMap(readMigrations)
    const pending = known.filter((migration) => !done.some((row) => sameMigration(row, migration)))
    checkHistory(done, known)
    for (const migration of pending) await apply(session, migration)
    return pending.map(({ schema, name }) => `${schema}/${name}`)
  } finally {
    await session.close()
  }
}

/**
 * Throws `platform.no-database` when Purser never started on this database, `platform.schema-older` when migrations are pending, and
 * the history errors of `migrate`. Writes nothing.
 */
export async function requireCurrent(db: Db, schemas: readonly Schema[]): Promise<void> {
  const { initialized } = await db.one<{ initialized: boolean }>(
    sql`select to_regclass('platform.migrations') is not null as initialized`,
  )
  if (!initialized) {
    throw new AppError(
      'platform.no-database',
      500,
      'This database has no Purser tables. Check DATABASE_URL, or create the tables with `npx purser start`.',
    )
  }
  const done = await db.many<Omit<Migration, 'text'>>(
    sql`select schema, name, hash from platform.migrations limit 10000`,
  )
  const known = schemas.flatMap(readMigrations)
  checkHistory(done, known)
  const pending = known.find((migration) => !done.some((row) => sameMigration(row, migration)))
  if (!pending) return
  throw new AppError(
    'platform.schema-older',
    500,
    `The database schema is older than this version of Purser: migration ${pending.schema}/${pending.name} is pending. Run \`npx purser start\` to apply it.`,
  )
}

const sameMigration = (a: { schema: string; name: string }, b: { schema: string; name: string }): boolean =>
  a.schema === b.schema && a.name === b.name

function readMigrations({ name: schema, folder }: Schema): Migration[] {
  return readdirSync(fileURLToPath(folder))
    .filter((file) => FILE.test(file))
    .toSorted()
    .map((name) => {
      const text = readFileSync(new URL(name, folder), 'utf8')
      return { schema, name, text, hash: createHash('sha256').update(text).digest('hex') }
    })
}

function checkHistory(done: readonly Omit<Migration, 'text'>[], known: readonly Migration[]): void {
  for (const row of done) {
    const current = known.find((migration) => sameMigration(row, migration))
    if (!current)
      throw new AppError(
        'platform.schema-newer',
        500,
        `The database has migration ${row.schema}/${row.name}, which this version of Purser does not know. Run the newer version, or restore a backup from before the upgrade.`,
      )
    if (current.hash !== row.hash)
      throw new AppError(
        'platform.migration-changed',
        500,
        `Migration ${row.schema}/${row.name} was edited after it ran on this database. Undo the edit and add a new migration instead.`,
      )
  }
}

async function apply(session: Session, { schema, name, text, hash }: Migration): Promise<void> {
  await session.run(sql`begin`)
  try {
    await session.client.query(`create schema if not exists ${schema}; ${text}`)
    await session.run(sql`insert into platform.migrations (schema, name, hash) values (${schema}, ${name}, ${hash})`)
    await session.run(sql`commit`)
  } catch (error) {
    await session.run(sql`rollback`)
    throw new AppError(
      'platform.migration-failed',
      500,
      `Migration ${schema}/${name} failed and was rolled back. The cause is below; start again once it is fixed.`,
      {
        cause: error,
      },
    )
  }
}
