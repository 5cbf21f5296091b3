import { sql, type Queryable } from '../db.ts'
import { AppError } from '../../base/errors.ts'
import { keyOf, type Migration } from './files.ts'

/** A migration that ran on the database. A newer program may have written it, so `kind` may be unknown here. */
export interface Applied {
  readonly schema: string
  readonly name: string
  readonly hash: string
  readonly kind: string
  readonly needs: string | null
}

/** Creates the tables of the history. The migrations cannot do it, because the history records them. */
export async function createHistory(q: Queryable): Promise<void> {
  if (await hasHistory(q)) return
  await q.run(sql`create schema if not exists platform`)
  // Progress of batched migrations that have not ended. `position` is the last key that a batch has handled.
  await q.run(sql`create table if not exists platform.migration_steps (
    schema text not null, name text not null, position text not null, rows bigint not null,
    primary key (schema, name))`)
  await q.run(sql`create table if not exists platform.migrations (
    schema text not null, name text not null, hash text not null, kind text not null, needs text,
    applied_at timestamptz not null default now(),
    primary key (schema, name))`)
}

export const hasHistory = async (q: Queryable): Promise<boolean> =>
  (await q.one<{ found: boolean }>(sql`select to_regclass('platform.migrations') is not null as found`)).found

export const readHistory = (q: Queryable): Promise<Applied[]> =>
  q.many(sql`select schema, name, hash, kind, needs from platform.migrations limit 10000`)

export async function recordApplied(q: Queryable, one: Migration): Promise<void> {
  await q.run(sql`insert into platform.migrations (schema, name, hash, kind, needs)
    values (${one.schema}, ${one.name}, ${one.hash}, ${one.kind}, ${one.needs ?? null})`)
  await q.run(sql`delete from platform.migration_steps where schema = ${one.schema} and name = ${one.name}`)
}

export function listPending(known: readonly Migration[], done: readonly Applied[]): Migration[] {
  const applied = new Set(done.map(keyOf))
  return known.filter((migration) => !applied.has(keyOf(migration)))
}

/** Kinds that keep the shape which older programs use. Any other kind, also one of a later version, may have removed it. */
const COMPATIBLE: readonly string[] = ['expand', 'concurrent', 'batched']

/**
 * Checks that this program can run on the database. It can when the migrations that it does not know only added to the schema, or
 * removed what its code no longer needs. Returns the keys of the migrations that it does not know. Throws `platform.schema-newer` when
 * it cannot run, and `platform.migration-changed` for a migration that was edited after it ran.
 */
export function checkHistory(done: readonly Applied[], known: readonly Migration[]): string[] {
  const byKey = new Map(known.map((migration) => [keyOf(migration), migration]))
  const changed = done.find((row) => (byKey.get(keyOf(row))?.hash ?? row.hash) !== row.hash)
  if (changed) {
    throw new AppError(
      'platform.migration-changed',
      500,
      `Migration ${keyOf(changed)} was edited after it ran on this database. Undo the edit and add a new migration instead.`,
    )
  }
  const unknown = done.filter((row) => !byKey.has(keyOf(row)))
  const breaking = unknown.find(
    ({ kind, needs }) => !COMPATIBLE.includes(kind) && !(kind === 'contract' && needs !== null && byKey.has(needs)),
  )
  if (breaking) {
    throw new AppError(
      'platform.schema-newer',
      500,
      `The database has migration ${keyOf(breaking)}, which removed what this version of Purser needs. Run the newer version, or restore a backup from before the upgrade.`,
    )
  }
  return unknown.map(keyOf)
}
