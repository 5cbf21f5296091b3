import { monotonicMs, waitMs } from '../../base/clock.ts'
import { joinSql, rawSql, sql, type Db } from '../db.ts'
import { applyConcurrently, applyContract, createRunner, inTransaction, named, type Runner } from './apply.ts'
import { badMigration, keyOf, readMigrations, statementsOf, type Migration, type Schema } from './files.ts'
import { listPending, readHistory, recordApplied } from './history.ts'
import { LOCKS, tryLock, type LockOptions } from './locks.ts'

export interface BackgroundOptions extends LockOptions {
  readonly signal: AbortSignal
  /** Minimum milliseconds between two batches. Default: 100. A batch is followed by a pause of at least its own duration. */
  readonly pauseMs?: number
}

export interface BackgroundResult {
  /** Keys of the migrations that this run completed. */
  readonly applied: readonly string[]
  /** Sentences that say what the rest waits for. */
  readonly waiting: readonly string[]
}

/** Lists the deferred migrations that are still to do on this database. */
export async function listBackground(
  db: Pick<Db, 'many'> & Parameters<typeof readHistory>[0],
  schemas: readonly Schema[],
) {
  const deferred = readMigrations(schemas).filter((migration) => migration.deferred)
  if (deferred.length === 0) return []
  return listPending(deferred, await readHistory(db))
}

/**
 * Applies deferred migrations, in order within each schema: batched steps, concurrent ones that run in the background, and contract
 * migrations that no running instance hinders. One instance at a time does this. `db` connects as the owner of the schemas. A batch and
 * a contract migration have the statement limit of `db`. When the signal aborts, the statement that runs ends, and a later run repeats it.
 */
export async function migrateInBackground(
  db: Db,
  schemas: readonly Schema[],
  options: BackgroundOptions,
): Promise<BackgroundResult> {
  const applied: string[] = []
  const waiting: string[] = []
  if (options.signal.aborted) return { applied, waiting }
  const session = await db.openSession(options)
  try {
    if (!(await tryLock(session, LOCKS.background))) return { applied, waiting }
    const runner = createRunner(db, session, options)
    // Read under the lock: another instance may have completed steps.
    const pending = await listBackground(session, schemas)
    for (const [, steps] of Map.groupBy(pending, ({ schema }) => schema)) {
      for (const step of steps) {
        if (options.signal.aborted) return { applied, waiting }
        const hindrance = await applyStep(runner, step, options)
        if (hindrance !== undefined) {
          waiting.push(`Migration ${keyOf(step)} waits for ${hindrance}.`)
          break
        }
        applied.push(keyOf(step))
        options.log?.(`Migration ${keyOf(step)} is done.`)
      }
    }
    return { applied, waiting }
  } catch (error) {
    // The abort has ended the connection.
    if (options.signal.aborted) return { applied, waiting }
    throw error
  } finally {
    await session.close()
  }
}

/** Applies one step. Returns what hinders it, in words. */
async function applyStep(runner: Runner, step: Migration, options: BackgroundOptions): Promise<string | undefined> {
  if (step.kind === 'batched') {
    return (await applyBatches(runner, step, options)) ? undefined : 'the next run of the background steps'
  }
  if (step.kind === 'contract') {
    const older = await applyContract(runner, step)
    return older.length === 0 ? undefined : `instances whose code needs the old shape: ${older.join('; ')}`
  }
  await applyConcurrently(runner, step)
  return undefined
}

interface Batch {
  readonly rows: number
  /** Last key that the batch has handled. Undefined where the statement does not use `:after`. */
  readonly position: string | undefined
}

/**
 * Repeats the statement of a batched migration until it changes no row. Progress commits with each batch, so a later run continues.
 * Returns false when the signal aborted it.
 */
export const applyBatches = (
  runner: Runner,
  step: Migration,
  { signal, pauseMs = 100 }: Partial<BackgroundOptions> = {},
): Promise<boolean> =>
  named(step, async () => {
    const key = keyOf(step)
    const [statement = '', ...others] = statementsOf(step.text)
    if (statement === '' || others.length > 0) throw badMigration(key, 'a batched migration has one statement')
    while (!signal?.aborted) {
      const from = monotonicMs()
      const batch = await runner.retry(`Migration ${key}`, () =>
        inTransaction(runner, () => runBatch(runner, step, statement)),
      )
      if (batch.rows === 0) return true
      await waitMs(Math.max(pauseMs, monotonicMs() - from), signal)
    }
    return false
  })

async function runBatch({ session }: Runner, step: Migration, statement: string): Promise<Batch> {
  const { schema, name } = step
  const stored = await session.maybe<{ position: string }>(
    sql`select position from platform.migration_steps where schema = ${schema} and name = ${name}`,
  )
  const batch = await query(session, step, statement, stored?.position ?? '')
  if (batch.rows === 0) await recordApplied(session, step)
  else
    await session.run(sql`insert into platform.migration_steps as s (schema, name, position, rows)
      values (${schema}, ${name}, ${batch.position ?? ''}, ${batch.rows})
      on conflict (schema, name) do update set position = excluded.position, rows = s.rows + excluded.rows`)
  return batch
}

const AFTER = /:after\b/

async function query(session: Runner['session'], step: Migration, statement: string, after: string): Promise<Batch> {
  if (!AFTER.test(statement)) {
    return { rows: await session.run(rawSql(statement)), position: undefined }
  }
  const [before = '', ...rest] = statement.split(AFTER)
  const parts = rest.flatMap((text) => [sql`${after}::text`, rawSql(text)])
  const rows = await session.many<{ rows?: unknown; position?: unknown }>(
    joinSql([rawSql(before), ...parts], rawSql('')),
  )
  const [row] = rows
  const isResult = rows.length === 1 && row && 'rows' in row && 'position' in row
  if (!isResult) throw badMigration(keyOf(step), 'a statement with :after returns one row with `rows` and `position`')
  return { rows: Number(row.rows), position: typeof row.position === 'string' ? row.position : '' }
}
