import { sql, type Queryable, type Tx } from '#platform/database/db'
import type { Logo } from '../types.ts'

/** Stores a picture once. An existing row is locked until the transaction ends, so that no other transaction can delete it. */
export async function insertLogo(tx: Tx, { name, type, bytes }: Logo & { name: string }, at: Date): Promise<void> {
  await tx.run(
    sql`insert into identity.logos (name, type, bytes, created_at) values (${name}, ${type}, ${bytes}, ${at})
        on conflict (name) do update set created_at = excluded.created_at`,
  )
}

export async function deleteLogoIfUnused(tx: Tx, name: string): Promise<void> {
  // A separate statement takes the lock. The next statement then sees the previous lock holder's commit.
  await tx.run(sql`select from identity.logos where name = ${name} for update`)
  await tx.run(sql`delete from identity.logos where name = ${name}
    and not exists (select from identity.merchants where logo = ${name})
    and not exists (select from identity.stores where logo = ${name})`)
}

export const readLogo = (q: Queryable, name: string): Promise<Logo | undefined> =>
  q.maybe<Logo>(sql`select type, bytes from identity.logos where name = ${name}`)
