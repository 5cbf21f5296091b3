import { sql, type Queryable, type Tx } from '../../database/db.ts'
import type { Actor } from '../module.ts'

export interface StoredSetting {
  name: string
  sealed: string
  version: bigint
  setAt: Date
  actor: Actor
}

/** One row of the history. `sealed` is null when the setting was cleared. */
export interface SettingChange {
  version: bigint
  name: string
  sealed: string | null
  setAt: Date
  actor: Actor
}

type WithActor<T extends { actor: Actor }> = Omit<T, 'actor'> & { actorType: Actor['type']; actorId: string }

const toActor = <T extends { actor: Actor }>({ actorType, actorId, ...rest }: WithActor<T>): T =>
  ({ ...rest, actor: { type: actorType, id: actorId } }) as unknown as T

export async function readVersion(q: Queryable): Promise<bigint> {
  return (await q.one<{ version: bigint }>(sql`select version from platform.settings_version`)).version
}

/** Increments the version. The row lock blocks other changes until this transaction ends. */
export async function incrementVersion(tx: Tx): Promise<bigint> {
  const { version } = await tx.one<{ version: bigint }>(sql`select platform.next_settings_version() as version`)
  return version
}

export async function readSettings(q: Queryable): Promise<StoredSetting[]> {
  const rows = await q.many<WithActor<StoredSetting>>(
    sql`select name, sealed, version, set_at as "setAt", actor_type as "actorType", actor_id as "actorId"
        from platform.settings order by name limit 10000`,
  )
  return rows.map(toActor)
}

/** Writes the setting and a history row. A change without `sealed` clears the setting. */
export async function writeSetting(tx: Tx, { version, name, sealed, setAt, actor }: SettingChange): Promise<void> {
  await tx.run(sql`select platform.write_setting(${version}, ${name}, ${sealed}, ${setAt}, ${actor.type}, ${actor.id})`)
}

/** Lists changes, newest first. `before` is the version of the last row of the previous page. */
export async function readHistory(
  q: Queryable,
  filter: { name?: string; before?: bigint; limit: number },
): Promise<SettingChange[]> {
  const rows = await q.many<WithActor<SettingChange>>(
    sql`select version, name, sealed, set_at as "setAt", actor_type as "actorType", actor_id as "actorId"
        from platform.settings_history
        where (${filter.name ?? null}::text is null or name = ${filter.name ?? null})
          and (${filter.before ?? null}::bigint is null or version < ${filter.before ?? null})
        order by version desc limit ${filter.limit}`,
  )
  return rows.map(toActor)
}
