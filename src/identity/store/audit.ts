import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { Actor } from '#platform/runtime/module'
import type { AuditEntry, AuditRow, Page, PageQuery } from '../types.ts'
import { pageOf } from './page.ts'

export async function insertAudit(tx: Tx, { actor, action, target, detail = {} }: AuditEntry, at: Date): Promise<void> {
  await tx.run(
    sql`insert into identity.audit (at, actor_type, actor_id, action, target, detail)
        values (${at}, ${actor.type}, ${actor.id}, ${action}, ${target}, ${JSON.stringify(detail)}::jsonb)`,
  )
}

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
