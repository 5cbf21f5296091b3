import { sql, type Queryable, type Tx } from '#platform/database/db'

/** An object as the API shows it. */
export interface StripeObject {
  readonly id: string
  readonly object: string
  readonly livemode?: boolean
  readonly [field: string]: unknown
}

export interface StoredObject<Body extends StripeObject = StripeObject, Hidden extends object = object> {
  readonly body: Body
  /** State that the API does not show. */
  readonly hidden: Hidden
}

export async function insertObject(tx: Tx, { body, hidden }: StoredObject, now: Date): Promise<void> {
  await tx.run(sql`insert into sandbox.stripe_objects (id, body, hidden, created_at)
    values (${body.id}, ${JSON.stringify(body)}, ${JSON.stringify(hidden)}, ${now})`)
}

export async function updateObject(tx: Tx, body: StripeObject): Promise<void> {
  await tx.run(sql`update sandbox.stripe_objects set body = ${JSON.stringify(body)} where id = ${body.id}`)
}

export const findObject = (q: Queryable, id: string): Promise<StoredObject | undefined> =>
  q.maybe<StoredObject>(sql`select body, hidden from sandbox.stripe_objects where id = ${id}`)

export const lockObject = (tx: Tx, id: string): Promise<StoredObject | undefined> =>
  tx.maybe<StoredObject>(sql`select body, hidden from sandbox.stripe_objects where id = ${id} for update`)

/** Lists the refunds of a charge, newest first. */
export const listRefundsOf = async <Body extends StripeObject>(q: Queryable, charge: string): Promise<Body[]> => {
  const rows = await q.many<StoredObject<Body>>(sql`select body, hidden from sandbox.stripe_objects
    where body ->> 'object' = 'refund' and body ->> 'charge' = ${charge} order by id desc limit 100`)
  return rows.map(({ body }) => body)
}

/** A day in seconds. An object is stored within a day of the time that it states. */
const DAY = 86_400
const LAST = 2 ** 36

/** Lists objects of a kind that were created in a time range, newest first, starting after a given object. */
export async function listObjects(
  q: Queryable,
  {
    kind,
    from,
    to,
    after,
    limit,
  }: { kind: string; from: number; to: number; after: string | undefined; limit: number },
): Promise<StripeObject[]> {
  const rows = await q.many<StoredObject>(sql`select body, hidden from sandbox.stripe_objects
    where body ->> 'object' = ${kind} and (body ->> 'created')::bigint >= ${from} and (body ->> 'created')::bigint < ${to}
      and created_at >= to_timestamp(${from - DAY}) and created_at < to_timestamp(${Math.min(to, LAST) + DAY})
      and (${after ?? null}::text is null
        or (created_at, id) < (select o.created_at, o.id from sandbox.stripe_objects o where o.id = ${after ?? null}))
    order by created_at desc, id desc limit ${limit}`)
  return rows.map(({ body }) => body)
}

export interface StoredAnswer {
  readonly requestHash: string
  readonly status: number | null
  readonly body: unknown
}

/** Returns true when the key is new. A concurrent repeat waits here for the first request to commit. */
export async function claimKey(tx: Tx, key: string, requestHash: string, now: Date): Promise<boolean> {
  const rows = await tx.run(sql`insert into sandbox.stripe_answers (key, request_hash, created_at)
    values (${key}, ${requestHash}, ${now}) on conflict (key) do nothing`)
  return rows > 0
}

export const findAnswer = (q: Queryable, key: string): Promise<StoredAnswer | undefined> =>
  q.maybe<StoredAnswer>(
    sql`select request_hash as "requestHash", status, body from sandbox.stripe_answers where key = ${key}`,
  )

export async function saveAnswer(tx: Tx, key: string, status: number, body: unknown): Promise<void> {
  await tx.run(
    sql`update sandbox.stripe_answers set status = ${status}, body = ${JSON.stringify(body)} where key = ${key}`,
  )
}

export async function insertEndpoint(tx: Tx, id: string, url: string, now: Date): Promise<void> {
  await tx.run(sql`insert into sandbox.stripe_endpoints (id, url, created_at) values (${id}, ${url}, ${now})
    on conflict (url) do update set id = excluded.id`)
}

export async function listEndpoints(q: Queryable): Promise<string[]> {
  const rows = await q.many<{ url: string }>(sql`select url from sandbox.stripe_endpoints order by created_at limit 16`)
  return rows.map(({ url }) => url)
}
