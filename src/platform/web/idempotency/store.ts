import { sql, type Queryable } from '../../database/db.ts'

export interface Row {
  hash: string
  state: 'running' | 'done'
  status: number | null
  body: string | null
  /** Instance that runs the request; null when it ended without an answer, or died. */
  claimedBy: string | null
  claim: bigint
  createdAt: Date
}

export interface Claim {
  scope: string
  key: string
  hash: string
  holder: string
  /** Number of the run. */
  claim: bigint
  now: Date
}

/** Claims an unused key. Returns false when the key exists. */
export const insertRunning = async (q: Queryable, claim: Claim): Promise<boolean> =>
  (await q.run(sql`
    insert into platform.idempotency (scope, key, hash, state, claimed_by, claim, created_at)
    values (${claim.scope}, ${claim.key}, ${claim.hash}, 'running', ${claim.holder}, ${claim.claim}, ${claim.now})
    on conflict (scope, key) do nothing`)) === 1

export const findRow = (q: Queryable, scope: string, key: string): Promise<Row | undefined> =>
  q.maybe<Row>(sql`
    select hash, state, status, body, claimed_by as "claimedBy", claim, created_at as "createdAt"
    from platform.idempotency where scope = ${scope} and key = ${key}`)

/** Claims a run that nobody holds, as the number after the last one. Returns false when another request was faster. */
export const takeOver = async (q: Queryable, claim: Claim): Promise<boolean> =>
  (await q.run(sql`
    update platform.idempotency set claimed_by = ${claim.holder}, claim = ${claim.claim}
    where scope = ${claim.scope} and key = ${claim.key} and claim = ${claim.claim - 1n} and state = 'running' and claimed_by is null`)) ===
  1

/** Ends a run without an answer, so that a repeat takes over at once. */
export const release = (q: Queryable, { scope, key, claim }: Claim): Promise<number> =>
  q.run(sql`
    update platform.idempotency set claimed_by = null
    where scope = ${scope} and key = ${key} and claim = ${claim} and state = 'running'`)

export const storeAnswer = (
  q: Queryable,
  { scope, key, claim }: Claim,
  status: number,
  body: string,
): Promise<number> =>
  q.run(sql`
    update platform.idempotency set state = 'done', status = ${status}, body = ${body}, claimed_by = null
    where scope = ${scope} and key = ${key} and claim = ${claim} and state = 'running'`)

export const removeRow = (
  q: Queryable,
  { scope, key, claim }: Pick<Claim, 'scope' | 'key' | 'claim'>,
): Promise<number> =>
  q.run(sql`delete from platform.idempotency where scope = ${scope} and key = ${key} and claim = ${claim}`)

export const purgeRows = (q: Queryable, before: Date, limit: number): Promise<number> =>
  q.run(sql`
    delete from platform.idempotency where (scope, key) in (
      select scope, key from platform.idempotency where created_at < ${before} order by created_at limit ${limit})`)
