import { sql, type Queryable, type Tx } from './db.ts'

/**
 * Watermarks: how far a periodic job has come in a table that grows. A job reads its watermark, handles the next rows in the order of
 * an index, and stores the new watermark in the same transaction. So its next run, also in another process, does not begin from the
 * start.
 */

/** Returns the last key that the job has handled. Undefined before its first run. */
export const findWatermark = async (q: Queryable, name: string): Promise<string | undefined> =>
  (await q.maybe<{ position: string }>(sql`select position from platform.watermarks where name = ${name}`))?.position

export async function storeWatermark(tx: Tx, name: string, position: string): Promise<void> {
  await tx.run(sql`insert into platform.watermarks (name, position) values (${name}, ${position})
    on conflict (name) do update set position = excluded.position`)
}
