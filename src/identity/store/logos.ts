import { sql, type Queryable, type Tx } from '#platform/db'
import type { Logo } from '../face.ts'

/** The same picture is kept once. */
export async function insertLogo(tx: Tx, { name, type, bytes }: Logo & { name: string }, at: Date): Promise<void> {
  await tx.run(
    sql`insert into identity.logos (name, type, bytes, created_at) values (${name}, ${type}, ${bytes}, ${at})
        on conflict (name) do nothing`,
  )
}

export const readLogo = (q: Queryable, name: string): Promise<Logo | undefined> =>
  q.maybe<Logo>(sql`select type, bytes from identity.logos where name = ${name}`)
