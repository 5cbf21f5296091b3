import { toAuditJson, writeAudited, type Audited } from './audit.ts'
import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { Operator, Page, PageQuery } from '../types.ts'
import { pageOf, withoutNulls, type Nulls } from './page.ts'

const columns = sql`id, email, name, role, created_at as "createdAt", disabled_at as "disabledAt"`

/** @returns false when the e-mail address already exists */
export const insertOperator = (tx: Tx, row: Operator, audited: Audited): Promise<boolean> => {
  const { id, email, name, role, createdAt: created_at } = row
  return writeAudited(tx, 'create_operator', { id, email, name, role, created_at }, audited)
}

/** Locks all enabled owners and the given operator, so that two concurrent calls cannot disable the last two owners. */
export async function lockOwnersAndOperator(tx: Tx, email: string): Promise<Operator[]> {
  await tx.run(sql`select identity.lock_owners(${email})`)
  const rows = await tx.many<Nulls<Operator>>(
    sql`select ${columns} from identity.operators where email = ${email} or (role = 'owner' and disabled_at is null)
        order by id limit 10000`,
  )
  return rows.map((row) => withoutNulls<Operator>(row))
}

export async function readOperatorByEmail(q: Queryable, email: string): Promise<Operator | undefined> {
  const row = await q.maybe<Nulls<Operator>>(sql`select ${columns} from identity.operators where email = ${email}`)
  return row && withoutNulls<Operator>(row)
}

export async function markDisabled(tx: Tx, id: string, audited: Audited): Promise<void> {
  await tx.run(sql`select identity.disable_operator(${id}, ${audited.at}, ${toAuditJson(audited)}::jsonb)`)
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
