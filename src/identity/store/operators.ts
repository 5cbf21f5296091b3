import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { Operator, Page, PageQuery } from '../types.ts'
import { pageOf, withoutNulls, type Nulls } from './page.ts'

const columns = sql`id, email, name, role, created_at as "createdAt", disabled_at as "disabledAt"`

/** @returns false when the e-mail address already exists */
export async function insertOperator(tx: Tx, row: Operator): Promise<boolean> {
  const written = await tx.run(
    sql`insert into identity.operators (id, email, name, role, created_at)
        values (${row.id}, ${row.email}, ${row.name}, ${row.role}, ${row.createdAt}) on conflict (email) do nothing`,
  )
  return written === 1
}

/** Locks all enabled owners and the given operator, so that two concurrent calls cannot disable the last two owners. */
export async function lockOwnersAndOperator(tx: Tx, email: string): Promise<Operator[]> {
  const rows = await tx.many<Nulls<Operator>>(
    sql`select ${columns} from identity.operators where email = ${email} or (role = 'owner' and disabled_at is null)
        order by id limit 10000 for no key update`,
  )
  return rows.map((row) => withoutNulls<Operator>(row))
}

export async function readOperatorByEmail(q: Queryable, email: string): Promise<Operator | undefined> {
  const row = await q.maybe<Nulls<Operator>>(sql`select ${columns} from identity.operators where email = ${email}`)
  return row && withoutNulls<Operator>(row)
}

export async function markDisabled(tx: Tx, id: string, at: Date): Promise<void> {
  await tx.run(sql`update identity.operators set disabled_at = ${at} where id = ${id}`)
}

export async function readOperators(q: Queryable, { limit, cursor }: PageQuery): Promise<Page<Operator>> {
  const rows = await q.many<Nulls<Operator>>(
    sql`select ${columns} from identity.operators
        where (${cursor ?? null}::text is null or id < ${cursor ?? null}) order by id desc limit ${limit + 1}`,
  )
  return pageOf(
    rows.map((row) => withoutNulls<Operator>(row)),
    limit,
  )
}
