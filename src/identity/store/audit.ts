import { rawSql, sql, type Queryable, type Tx } from '#platform/database/db'
import type { Actor } from '#platform/runtime/module'
import type { AuditEntry, AuditRow, Page, PageQuery } from '../types.ts'
import { pageOf } from './page.ts'

/** An audit entry and its time. */
export interface Audited {
  readonly entry: AuditEntry
  readonly at: Date
}

/** Renders an entry as the parameter of the schema's functions, which append it in the same call as the change. */
export const toAuditJson = ({ entry: { actor, action, target, detail = {} }, at }: Audited): string =>
  JSON.stringify({ at, actor_type: actor.type, actor_id: actor.id, action, target, detail })

/** Appends an entry of another module's change. */
export async function insertAudit(tx: Tx, audited: Audited): Promise<void> {
  await tx.run(sql`select identity.append_audit(${toAuditJson(audited)}::jsonb)`)
}

/** Calls a function of the schema that writes one row and its audit entry. Returns whether something changed. */
export async function writeAudited(tx: Tx, name: WriteFunction, row: object, audited: Audited): Promise<boolean> {
  const call = sql`(${JSON.stringify(row)}::jsonb, ${toAuditJson(audited)}::jsonb)`
  return (await tx.one<{ changed: boolean }>(sql`select identity.${rawSql(name)}${call} as changed`)).changed
}

type WriteFunction =
  | 'create_merchant'
  | 'change_merchant'
  | 'set_settlement'
  | 'set_destination'
  | 'add_origin'
  | 'remove_origin'
  | 'create_store'
  | 'change_store'
  | 'create_key'
  | 'create_operator'
  | 'set_member'
  | 'remove_member'

type Row = Omit<AuditRow, 'actor'> & { actorType: Actor['type']; actorId: string }

export async function readAudit(
  q: Queryable,
  query: PageQuery & { action?: string | undefined; target?: string | undefined },
): Promise<Page<AuditRow>> {
  const { limit, cursor, action, target } = query
  const rows = await q.many<Row>(
    sql`select id::text, at, actor_type as "actorType", actor_id as "actorId", action, target, detail from identity.audit
        where (${cursor ?? null}::bigint is null or id < ${cursor ?? null})
          and (${action ?? null}::text is null or action = ${action ?? null})
          and (${target ?? null}::text is null or target = ${target ?? null})
        order by identity.audit.id desc limit ${limit + 1}`,
  )
  const items = rows.map(({ actorType, actorId, ...row }) => ({ ...row, actor: { type: actorType, id: actorId } }))
  return pageOf(items, limit)
}
