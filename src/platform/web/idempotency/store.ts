import { sql, type Queryable } from '../../database/db.ts'

export interface Row {
  hash: string
  state: 'running' | 'done'
  status: number | null
  body: string | null
  owner: string
  leaseUntil: Date
  createdAt: Date
}

export interface Claim {
  scope: string
  key: string
  hash: string
  owner: string
  leaseUntil: Date
  now: Date
}

/** Claims an unused key for `owner`. Returns false when the key exists. */
export const insertRunning = async (q: Queryable, claim: Claim): Promise<boolean> =>
  (await q.run(sql`
    insert into platform.idempotency (scope, key, hash, state, owner, lease_until, created_at)
    values (${claim.scope}, ${claim.key}, ${claim.hash}, 'running', ${claim.owner}, ${claim.leaseUntil}, ${claim.now})
    on conflict (scope, key) do nothing`)) === 1

export const findRow = (q: Queryable, scope: string, key: string): Promise<Row | undefined> =>
  q.maybe<Row>(sql`
    select hash, state, status, body, owner, lease_until as "leaseUntil", created_at as "createdAt"
    from platform.idempotency where scope = ${scope} and key = ${key}`)

/** Moves a run with an expired lease from `previousOwner` to `claim.owner`. Returns false when another process was faster. */
export const takeOver = async (q: Queryable, claim: Claim, previousOwner: string): Promise<boolean> =>
  (await q.run(sql`
    update platform.idempotency set owner = ${claim.owner}, lease_until = ${claim.leaseUntil}
    where scope = ${claim.scope} and key = ${claim.key} and owner = ${previousOwner} and state = 'running' and lease_until <= ${claim.now}`)) ===
  1

export const extendLease = (q: Queryable, { scope, key, owner, leaseUntil }: Claim): Promise<number> =>
  q.run(sql`
    update platform.idempotency set lease_until = ${leaseUntil}
    where scope = ${scope} and key = ${key} and owner = ${owner} and state = 'running'`)

export const storeAnswer = (
  q: Queryable,
  { scope, key, owner }: Claim,
  status: number,
  body: string,
): Promise<number> =>
  q.run(sql`
    update platform.idempotency set state = 'done', status = ${status}, body = ${body}
    where scope = ${scope} and key = ${key} and owner = ${owner} and state = 'running'`)

/** Ends the leases of all runs. Returns their number. */
export const endLeases = (q: Queryable, now: Date): Promise<number> =>
  q.run(sql`update platform.idempotency set lease_until = ${now} where state = 'running' and lease_until > ${now}`)

export const removeRow = (q: Queryable, { scope, key }: Pick<Claim, 'scope' | 'key'>, owner: string): Promise<number> =>
  q.run(sql`delete from platform.idempotency where scope = ${scope} and key = ${key} and owner = ${owner}`)

export const purgeRows = (q: Queryable, before: Date, limit: number): Promise<number> =>
  q.run(sql`
    delete from platform.idempotency where (scope, key) in (
      select scope, key from platform.idempotency where created_at < ${before} order by created_at limit ${limit})`)
