import type { Db, Queryable } from './db.ts'
import { AppError } from '../base/errors.ts'
import { applyConcurrently, applyInTransaction, createRunner } from './migrate/apply.ts'
import { applyBatches } from './migrate/background.ts'
import { keyOf, readMigrations, type Migration, type Schema } from './migrate/files.ts'
import { checkHistory, createHistory, hasHistory, listPending, readHistory } from './migrate/history.ts'
import { awaitUnlocked, LOCKS, pollLock, type LockOptions } from './migrate/locks.ts'

export type { Schema } from './migrate/files.ts'
export { listBackground, migrateInBackground } from './migrate/background.ts'
export { pollLock, retryLocks, setLockTimeout, transactLocked, waiterOf, type LockOptions } from './migrate/locks.ts'

/**
 * Applies the pending migrations of all schemas, except those that run in the background (docs/decisions/0012). Instances that start
 * together take turns. Throws `platform.schema-newer` for a migration that removed what this version needs,
 * `platform.migration-changed` for a migration that was edited after it ran, and `platform.migration-blocked` when other sessions hold a
 * lock for minutes.
 * @returns names of the migrations that this call applied
 */
export async function migrate(db: Db, schemas: readonly Schema[], options: LockOptions = {}): Promise<string[]> {
  const known = readMigrations(schemas)
  // Without pending migrations take no lock: this instance need not wait while another one migrates for longer.
  if ((await hasHistory(db)) && listDue(await readAndCheck(db, known, options), known).length === 0) return []
  const session = await db.openSession(options)
  try {
    await pollLock(session, LOCKS.migrate, options)
    await createHistory(session)
    const due = listDue(await readAndCheck(session, known), known)
    const runner = createRunner(db, session, options)
    for (const migration of due) {
      if (migration.kind === 'batched') await applyBatches(runner, migration, { pauseMs: 0 })
      else if (migration.kind === 'concurrent') await applyConcurrently(runner, migration)
      else await applyInTransaction(runner, migration)
    }
    return due.map(keyOf)
  } finally {
    await session.close()
  }
}

type History = Awaited<ReturnType<typeof readHistory>>

async function readAndCheck(q: Queryable, known: readonly Migration[], { log }: LockOptions = {}): Promise<History> {
  const done = await readHistory(q)
  const unknown = checkHistory(done, known)
  if (unknown.length > 0) {
    const names = unknown.slice(0, 5).join(', ') + (unknown.length > 5 ? ' …' : '')
    log?.(`A newer version of Purser added ${unknown.length} migrations, with which this version can run: ${names}`)
  }
  return done
}

/** Lists the migrations that a start applies. A new schema has no rows and no older programs, so there all of them run at once. */
const listDue = (done: History, known: readonly Migration[]): Migration[] =>
  listPending(known, done).filter(
    ({ deferred, schema }) => !deferred || !done.some((applied) => applied.schema === schema),
  )

/**
 * Throws `platform.no-database` when Purser never started on this database, `platform.schema-older` when migrations are pending, and
 * the history errors of `migrate`. Writes nothing.
 */
export async function requireCurrent(db: Queryable, schemas: readonly Schema[]): Promise<void> {
  if (!(await hasHistory(db))) {
    throw new AppError(
      'platform.no-database',
      500,
      'This database has no Purser tables. Check DATABASE_URL, or create the tables with `npx purser start`.',
    )
  }
  const known = readMigrations(schemas)
  const [pending] = listDue(await readAndCheck(db, known), known)
  if (!pending) return
  throw new AppError(
    'platform.schema-older',
    500,
    `The database schema is older than this version of Purser: migration ${keyOf(pending)} is pending. Run \`npx purser start\` to apply it.`,
  )
}

/** Returns the schemas that have migrations of a newer version. */
export async function listNewerSchemas(q: Queryable, schemas: readonly Schema[]): Promise<string[]> {
  const known = listKnown(schemas)
  const unknown = (await readHistory(q)).filter((row) => !known.includes(keyOf(row)))
  return schemas.map(({ name }) => name).filter((name) => unknown.some(({ schema }) => schema === name))
}

/** Returns the migrations that the code of this program knows, by `schema/name`. Running instances publish them. */
export const listKnown = (schemas: readonly Schema[]): string[] => readMigrations(schemas).map(keyOf)

/**
 * Checks that no contract migration has removed what the code of this program needs. Call it after the instance was registered: contract
 * migrations wait for registered instances, and this waits for one that began before. Throws the history errors of `migrate`.
 */
export async function requireCode(db: Queryable, schemas: readonly Schema[]): Promise<void> {
  await awaitUnlocked(db, LOCKS.contract)
  await readAndCheck(db, readMigrations(schemas))
}
