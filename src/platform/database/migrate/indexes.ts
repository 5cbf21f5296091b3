import { createHash } from 'node:crypto'
import { rawSql, sql, type Session } from '../db.ts'
import { badMigration } from './files.ts'
import { setLockTimeout, type Runner } from './locks.ts'

interface IndexStatement {
  readonly unique: string
  readonly name: string
  readonly table: string
  /** Columns, predicate and options. */
  readonly rest: string
}

const INDEX =
  /^create\s+(unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?([a-z0-9_]+)\s+on\s+([a-z0-9_]+\.[a-z0-9_]+)\s*([\s\S]+)$/i

/** Parses `create index concurrently name on schema.table …`. Undefined for a statement that creates no index. */
export function parseIndex(key: string, statement: string): IndexStatement | undefined {
  if (!/^create\s+(unique\s+)?index\b/i.test(statement)) return undefined
  const [, unique = '', name = '', table = '', rest = ''] = INDEX.exec(statement) ?? []
  if (name === '')
    throw badMigration(
      key,
      'an index of a concurrent migration is created `concurrently`, with a name, on schema.table',
    )
  return { unique, name, table, rest }
}

/**
 * Builds an index without blocking writes. An invalid index that an interrupted build left behind is dropped first. On a partitioned
 * table each partition gets its index, which is then attached to the index of the table.
 */
export async function buildIndex(runner: Runner, key: string, index: IndexStatement): Promise<void> {
  const { session } = runner
  const table = await session.maybe<{ kind: string }>(
    sql`select relkind::text as kind from pg_class where oid = to_regclass(${index.table})`,
  )
  if (table?.kind !== 'p') return buildConcurrently(runner, key, index)
  const [schema = ''] = index.table.split('.')
  const parent = `${schema}.${index.name}`
  await runner.retry(`Migration ${key}`, async () => {
    await setLockTimeout(session, 'session', runner)
    await session.run(
      rawSql(`create ${index.unique}index if not exists ${index.name} on only ${index.table} ${index.rest}`),
    )
  })
  for (const { partition, kind } of await listPartitions(session, index.table, parent)) {
    if (kind === 'p') throw badMigration(key, `${partition} is partitioned itself, which is not supported`)
    const [folder = '', short = ''] = partition.split('.')
    const name = shorten(`${index.name}_${short}`)
    await buildConcurrently(runner, key, { ...index, name, table: partition })
    await runner.retry(`Migration ${key}`, async () => {
      await setLockTimeout(session, 'session', runner)
      await session.run(rawSql(`alter index ${parent} attach partition ${folder}.${name}`))
    })
  }
}

async function buildConcurrently(runner: Runner, key: string, index: IndexStatement): Promise<void> {
  const { session, log } = runner
  const { unique, name, table, rest } = index
  const [schema = ''] = table.split('.')
  await runner.retry(`Index ${schema}.${name} of migration ${key}`, async () => {
    // A concurrent build waits for all older transactions. It blocks nobody meanwhile, so it may wait as long as it takes.
    await session.run(rawSql('set session lock_timeout = 0'))
    const found = await session.maybe<{ valid: boolean }>(sql`select i.indisvalid as valid from pg_index i
      where i.indexrelid = to_regclass(${`${schema}.${name}`})`)
    if (found?.valid) return
    if (found) {
      log?.(`Index ${schema}.${name} is invalid: its build was interrupted. Building it again.`)
      await session.runLong(rawSql(`drop index concurrently ${schema}.${name}`))
    }
    await session.runLong(rawSql(`create ${unique}index concurrently ${name} on ${table} ${rest}`))
  })
}

/** Lists the partitions of a table that have no index attached to `parent` yet. */
const listPartitions = (
  session: Session,
  table: string,
  parent: string,
): Promise<{ partition: string; kind: string }[]> =>
  session.many(sql`select n.nspname || '.' || c.relname as partition, c.relkind::text as kind
    from pg_inherits p join pg_class c on c.oid = p.inhrelid join pg_namespace n on n.oid = c.relnamespace
    where p.inhparent = to_regclass(${table}) and not exists (
      select from pg_inherits a join pg_index i on i.indexrelid = a.inhrelid
      where a.inhparent = to_regclass(${parent}) and i.indrelid = c.oid)
    order by 1 limit 10000`)

const MAX_NAME = 63

/** Returns a name within PostgreSQL's limit that stays the same and unique for each partition. */
const shorten = (name: string): string =>
  name.length <= MAX_NAME
    ? name
    : `${name.slice(0, MAX_NAME - 9)}_${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
