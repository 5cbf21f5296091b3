import { writeAudited, type Audited } from './audit.ts'
import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { Member, MemberRole, Role } from '../types.ts'

/** Inserts or changes a member. @returns whether a row changed */
export const writeMember = (
  tx: Tx,
  row: { merchantId: string; operatorId: string; role: MemberRole },
  audited: Audited,
): Promise<boolean> => {
  const { merchantId: merchant_id, operatorId: operator_id, role } = row
  return writeAudited(tx, 'set_member', { merchant_id, operator_id, role, created_at: audited.at }, audited)
}

export const deleteMember = (
  tx: Tx,
  { merchantId, operatorId }: { merchantId: string; operatorId: string },
  audited: Audited,
): Promise<boolean> => writeAudited(tx, 'remove_member', { merchant_id: merchantId, operator_id: operatorId }, audited)

/** Sorted by the operator's name. */
export const readMembers = (q: Queryable, merchantId: string, limit: number): Promise<Member[]> =>
  q.many<Member>(
    sql`select o.id as "operatorId", o.email, o.name, m.role, m.created_at as "createdAt"
        from identity.members m join identity.operators o on o.id = m.operator_id
        where m.merchant_id = ${merchantId} and o.disabled_at is null order by o.email limit ${limit}`,
  )

/** Reads an operator's role for the installation and its role at this merchant. */
export const readRoles = (
  q: Queryable,
  by: { operatorId: string; merchantId: string },
): Promise<{ role: Role; at: MemberRole | null } | undefined> =>
  q.maybe(
    sql`select o.role, m.role as at from identity.operators o
        left join identity.members m on m.operator_id = o.id and m.merchant_id = ${by.merchantId}
        where o.id = ${by.operatorId} and o.disabled_at is null`,
  )
