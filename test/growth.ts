import { rawSql, sql, type Db } from '#platform/database/db'
import type { TestDatabase } from './database.ts'
import type { World } from './world.ts'

/** Fills tables with copies of their rows, and measures how many rows a part of the program touches. */

/** Tables with one row per process, setting, merchant or account key: they do not grow with payments. */
const SMALL = [
  /^graphile_worker\./,
  /^identity\./,
  /^platform\.(?!idempotency$)/,
  /^rates\.(sources|last_good)$/,
  /^payments\.(watches|address_indexes|rail_queries)$/,
  /^webhooks\.(endpoints|secrets)$/,
  /^sandbox\.(bitcoin|prices|endpoints|faults)$/,
]

export interface Table {
  /** `schema.table` */
  readonly name: string
  readonly rows: number
}

export async function listTables(q: Db): Promise<Table[]> {
  const names = await q.many<{ name: string }>(sql`select n.nspname || '.' || c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and n.nspname not like 'pg\_%' and n.nspname <> 'information_schema' order by 1 limit 1000`)
  const tables: Table[] = []
  for (const { name } of names) {
    if (SMALL.some((pattern) => pattern.test(name))) continue
    const { rows } = await q.one<{ rows: bigint }>(rawSql(`select count(*) as rows from ${name}`))
    tables.push({ name, rows: Number(rows) })
  }
  return tables
}

interface Column {
  name: string
  type: string
  /** In a unique index, as its last column. */
  unique: boolean
  generated: boolean
}

/** Columns to change in the copies where the last column of a unique index is shared, such as a merchant's id. */
const CHANGED: Readonly<Record<string, readonly string[]>> = {
  'ledger.accounts': ['code'],
  'ledger.balances': ['account'],
  'webhooks.events': ['object_id'],
  'webhooks.deliveries': ['event_id'],
}
/** Ids that copies share with their original. */
const SHARED = ['merchant_id', 'endpoint_id', 'asset', 'shard']
const DUE = ['due_at', 'look_at', 'expires_at', 'retry_until', 'ends_at', 'claim_expires_at', 'acts_at']

/**
 * Adds about `count` copies of a table's rows with other ids. A time at which something becomes due moves to the far future, so that
 * the copies wait or are at rest.
 */
export async function fillTable({ owner }: TestDatabase, table: string, count: number, round: string): Promise<void> {
  const columns = await owner.many<Column>(sql`select a.attname as name, format_type(a.atttypid, null) as type,
      a.attidentity = 'a' or a.attgenerated <> '' as generated,
      exists (select from pg_index i where i.indrelid = a.attrelid and i.indisunique and i.indkey[i.indnkeyatts - 1] = a.attnum) as unique
    from pg_attribute a where a.attrelid = to_regclass(${table}) and a.attnum > 0 and not a.attisdropped
    order by a.attnum limit 200`)
  const written = columns.filter(({ generated }) => !generated)
  const names = written.map(({ name }) => `"${name}"`).join(', ')
  const values = written.map((column) => valueOf(table, column, round)).join(', ')
  await owner.transaction(async (tx) => {
    // Copies need no originals of what they refer to.
    await tx.run(rawSql('set local session_replication_role = replica'))
    await tx.run(
      rawSql(`insert into ${table} (${names}) select ${values}
        from (select *, row_number() over () as row, count(*) over () as rows from ${table} limit 40) s,
          generate_series(1, greatest(1, ${count} / least(40, s.rows)::int)) n on conflict do nothing`),
    )
  })
}

function valueOf(table: string, { name, type, unique }: Column, round: string): string {
  const changed = CHANGED[table]?.includes(name) || (unique && !(CHANGED[table] && SHARED.includes(name)))
  const refers = name.endsWith('_id') && !SHARED.includes(name)
  const id = `s."${name}"`
  // The address of a copy is not valid, so it must not be polled.
  if (name === 'watch_until') return `${id} - interval '100 years'`
  if (DUE.includes(name)) return `${id} + interval '100 years'`
  if (!changed && !(refers && type === 'text')) return id
  if (type === 'uuid') return `case when ${id} is null then null else gen_random_uuid() end`
  if (type === 'integer' || type === 'bigint') return `${id} + (s.row * 1000000 + n)::${type}`
  if (type.startsWith('timestamp')) return `${id} - (s.row * 10000 + n) * interval '15 minutes'`
  if (name === 'day') return `((${id})::date - (s.row * 40000 + n * 4)::int)::text`
  return `${id} || '${round}' || n`
}

/** Returns how many rows and index entries of each table were read so far. */
export async function readTouched({ app, database }: World): Promise<ReadonlyMap<string, number>> {
  // A connection reports its counts once a second when it is idle. Let each of the pools report now.
  for (const { pool } of [database.owner, app.db]) {
    const clients = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()))
    for (const client of clients) await client.query('select pg_stat_force_next_flush()')
    for (const client of clients) client.release()
  }
  const rows = await database.owner.many<{ name: string; touched: bigint }>(sql`
    select t.schemaname || '.' || t.relname as name,
      (coalesce(t.seq_tup_read, 0) + coalesce(t.idx_tup_fetch, 0)
        + coalesce((select sum(i.idx_tup_read) from pg_stat_user_indexes i where i.relid = t.relid), 0))::bigint as touched
    from pg_stat_user_tables t order by 1 limit 1000`)
  return new Map(rows.map(({ name, touched }) => [name, Number(touched)]))
}
