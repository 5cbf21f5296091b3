import { AppError } from '../../base/errors.ts'
import { rawSql, sql, type Db, type Session } from '../db.ts'
import { keyOf, statementsOf, type Migration } from './files.ts'
import { recordApplied } from './history.ts'
import { buildIndex, parseIndex } from './indexes.ts'
import { LOCKS, retryLocks, setLockTimeout, waiterOf, type LockOptions, type Runner } from './locks.ts'
export type { Runner }

export const createRunner = (db: Db, session: Session, options: LockOptions): Runner => ({
  ...options,
  session,
  retry: (name, act) => retryLocks(waiterOf(db, session), { ...options, name }, act),
})

/** Applies an expand migration, or a contract migration that nothing hinders any more, in one transaction. */
export const applyInTransaction = (runner: Runner, migration: Migration): Promise<void> =>
  named(migration, () =>
    runner.retry(`Migration ${keyOf(migration)}`, () =>
      inTransaction(runner, async () => {
        await runner.session.runLong(rawSql(`create schema if not exists ${migration.schema}; ${migration.text}`))
        await recordApplied(runner.session, migration)
      }),
    ),
  )

/**
 * Applies a contract migration in one transaction, unless a running instance has code that needs the old shape. Such instances are
 * returned, in words. An instance that starts meanwhile registers under the same lock, and then refuses to run.
 */
export const applyContract = (runner: Runner, migration: Migration): Promise<string[]> =>
  named(migration, () =>
    runner.retry(`Migration ${keyOf(migration)}`, () =>
      inTransaction(runner, async () => {
        const { session } = runner
        const { locked } = await session.one<{ locked: boolean }>(
          sql`select pg_try_advisory_xact_lock(${LOCKS.contract}::bigint) as locked`,
        )
        if (!locked) return ['an instance that starts now']
        const older = await session.many<{
          name: string
        }>(sql`select version || ' on ' || host || ', pid ' || pid as name
          from platform.instances where not (${migration.needs} = any(migrations)) order by 1 limit 5`)
        if (older.length > 0) return older.map(({ name }) => name)
        await session.run(rawSql(migration.text))
        await recordApplied(session, migration)
        return []
      }),
    ),
  )

/** Applies the statements of a concurrent migration one after the other. A repeated run continues where the last one failed. */
export const applyConcurrently = (runner: Runner, migration: Migration): Promise<void> =>
  named(migration, async () => {
    const { session } = runner
    const key = keyOf(migration)
    for (const statement of statementsOf(migration.text)) {
      const index = parseIndex(key, statement)
      if (index) await buildIndex(runner, key, index)
      else
        await runner.retry(`Migration ${key}`, async () => {
          // Statements that work concurrently block nobody while they wait.
          if (/\bconcurrently\b/i.test(statement)) await session.run(rawSql('set session lock_timeout = 0'))
          else await setLockTimeout(session, 'session', runner)
          await session.runLong(rawSql(statement))
        })
    }
    await session.run(rawSql('reset lock_timeout'))
    await inTransaction(runner, () => recordApplied(session, migration))
  })

/** Runs `act` in a transaction of the session whose statements wait for locks only shortly. */
export async function inTransaction<T>(runner: Runner, act: () => Promise<T>): Promise<T> {
  const { session } = runner
  await session.run(sql`begin`)
  try {
    await setLockTimeout(session, 'local', runner)
    const result = await act()
    await session.run(sql`commit`)
    return result
  } catch (error) {
    // A broken connection fails the rollback, too. The first error says why.
    await session.run(sql`rollback`).catch(() => undefined)
    throw error
  }
}

/** Names the migration in the error of its statements. */
export async function named<T>(migration: Migration, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (error) {
    if (error instanceof AppError) throw error
    const undone = migration.kind === 'expand' || migration.kind === 'contract'
    throw new AppError(
      'platform.migration-failed',
      500,
      `Migration ${keyOf(migration)} failed${undone ? ' and was rolled back' : ''}. The cause is below; start again once it is fixed.`,
      { cause: error },
    )
  }
}
