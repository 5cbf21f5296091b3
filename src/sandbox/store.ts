import { sql, type Queryable, type Tx } from '#platform/database/db'

export interface StoredObject<Body extends object, Hidden extends object> {
  readonly id: string
  readonly body: Body
  readonly hidden: Hidden
}

/** Access to the objects of one provider. */
export interface Objects<Body extends object, Hidden extends object> {
  insert(tx: Tx, object: StoredObject<Body, Hidden>, now: Date): Promise<void>
  /** Locks the object until the transaction ends. */
  lock(tx: Tx, id: string): Promise<StoredObject<Body, Hidden> | undefined>
  find(q: Queryable, id: string): Promise<StoredObject<Body, Hidden> | undefined>
  /** Lists newest first, older than a given object. */
  list(q: Queryable, of: { before: string | undefined; limit: number }): Promise<StoredObject<Body, Hidden>[]>
  update(tx: Tx, object: StoredObject<Body, Hidden>): Promise<void>
}

export const objectsOf = <Body extends object, Hidden extends object>(provider: string): Objects<Body, Hidden> => ({
  insert: async (tx, { id, body, hidden }, now) => {
    await tx.run(sql`insert into sandbox.objects (provider, id, body, hidden, created_at)
      values (${provider}, ${id}, ${JSON.stringify(body)}, ${JSON.stringify(hidden)}, ${now})`)
  },
  lock: (tx, id) =>
    tx.maybe<StoredObject<Body, Hidden>>(sql`select id, body, hidden from sandbox.objects
      where provider = ${provider} and id = ${id} for update`),
  find: (q, id) =>
    q.maybe<StoredObject<Body, Hidden>>(sql`select id, body, hidden from sandbox.objects
      where provider = ${provider} and id = ${id}`),
  list: (q, { before = null, limit }) =>
    q.many<StoredObject<Body, Hidden>>(sql`select id, body, hidden from sandbox.objects o
      where provider = ${provider} and (${before}::text is null or (created_at, id) <
        (select created_at, id from sandbox.objects where provider = ${provider} and id = ${before}))
      order by created_at desc, id desc limit ${limit}`),
  update: async (tx, { id, body, hidden }) => {
    await tx.run(sql`update sandbox.objects set body = ${JSON.stringify(body)}, hidden = ${JSON.stringify(hidden)}
      where provider = ${provider} and id = ${id}`)
  },
})

export async function addEndpoint(q: Queryable, provider: string, url: string, now: Date): Promise<void> {
  await q.run(sql`insert into sandbox.endpoints (provider, url, created_at) values (${provider}, ${url}, ${now})
    on conflict do nothing`)
}

const ENDPOINTS_AT_MOST = 16

export async function listEndpoints(q: Queryable, provider: string): Promise<string[]> {
  const rows = await q.many<{ url: string }>(sql`select url from sandbox.endpoints where provider = ${provider}
    order by created_at limit ${ENDPOINTS_AT_MOST}`)
  return rows.map(({ url }) => url)
}
