import { addMs, monotonicMs, type Clock } from '../../base/clock.ts'
import { joinSql, rawSql, sql, type Db, type Queryable, type Sql } from '../../database/db.ts'
import type { Log } from '../../observe/log.ts'
import type { Claimed, ClaimTable } from './claim-table.ts'
import { createGivenBack } from './given-back.ts'
import { createLostClaims, type ClaimKey } from './lost-claims.ts'
export type { Claimed, ClaimTable }

/**
 * Claims: an instance that works on a row writes its id into `claimed_by` and counts `claim` up. The claim lasts as long as the instance
 * lives (`instances.ts`). Each change of the row by the holder is conditional on `claim`, so that a process that was frozen and lost its
 * claim decides nothing.
 */

/** Tables of the schema `platform` whose rows are claimed. */
export const CRONS: ClaimTable<{ name: string }> = {
  table: 'platform.crons',
  dueAt: null,
  keyOf: ({ name }) => ({ name }),
}
export const IDEMPOTENCY_KEYS: ClaimTable<{ scope: string; key: string }> = {
  table: 'platform.idempotency',
  dueAt: null,
  requests: true,
  keyOf: ({ scope, key }) => ({ scope, key }),
}

export interface Claims {
  /** Id of this instance, the holder of its claims. */
  readonly holder: string
  /** Registers a claim that a queue works on until it gives it back. */
  hold<Row>(table: ClaimTable<Row>, row: Row & Claimed): void
  /**
   * Gives a claim back: the row is due again in `retryMs`. Does nothing when the row was released or claimed by another instance since.
   * The next `flush` writes it, and while the database is away each later one tries again.
   */
  giveBack<Row>(table: ClaimTable<Row>, row: Row & Claimed, retryMs: number): void
  /** Writes the claims on a table that were given back, or on all tables. Throws when the database is unavailable. */
  flush(table?: ClaimTable<never>): Promise<void>
  /** Gives back the claims of this instance whose answers were lost, so that no work knows them. Returns their number. */
  giveBackLost(): Promise<number>
  /** Frees the claims whose holder is not among the running instances. Returns the number of rows by table. */
  freeDead(): Promise<ReadonlyMap<string, number>>
}

interface Deps {
  db: Db
  clock: Clock
  log: Log
  holder: string
  tables: readonly ClaimTable[]
}

export function createClaims({ db, clock, log, holder, tables: queues }: Deps): Claims {
  // Several queues can have the same table.
  const tables = [...new Set<ClaimTable<never>>([CRONS, IDEMPOTENCY_KEYS, ...queues])]
  const given = createGivenBack(db, holder, log)
  // A cron whose claim is lost can be claimed again by this instance, so it needs no search.
  const lost = createLostClaims(
    db,
    holder,
    tables.filter((table) => table !== CRONS),
  )
  const push = (claim: ClaimKey, retryMs: number): void => given.add(claim, addMs(clock.now(), retryMs))

  return {
    holder,
    hold: (table, row) => lost.hold({ table, key: table.keyOf(row), claim: row.claim }),
    giveBack: (table, row, retryMs) => {
      const claim = { table, key: table.keyOf(row), claim: row.claim }
      lost.drop(claim)
      push(claim, retryMs)
    },
    flush: given.flush,
    giveBackLost: async () => {
      const found = await lost.find()
      for (const claim of found) push(claim, 0)
      return found.length
    },
    freeDead: async () => {
      const freed = new Map<string, number>()
      // The ids are read first. An instance that was frozen registers again before it claims a row (`requireHeartbeat`).
      const dead = await db.many<{ id: string }>(sql`
        select id from (${joinSql(tables.map(listHolders), rawSql(' union '))}) as holder (id)
        where not exists (select from platform.instances i where i.id = holder.id) limit ${MAX_DEAD}`)
      if (dead.length === 0) return freed
      for (const { table } of tables) {
        const count = await freeHeldBy(
          db,
          table,
          dead.map(({ id }) => id),
        )
        if (count > 0) freed.set(table, count)
      }
      return freed
    },
  }
}

const MAX_DEAD = 1_000

const listHolders = ({ table }: ClaimTable<never>): Sql =>
  sql`select distinct claimed_by from ${rawSql(table)} where claimed_by is not null`

/**
 * Skips rows that are locked: a process that is frozen in a transaction holds their locks, and the heartbeat must not wait for it. The
 * next heartbeat tries again.
 */
const freeHeldBy = (q: Queryable, table: string, holders: readonly string[]): Promise<number> =>
  q.run(sql`update ${rawSql(table)} set claimed_by = null where ctid = any(array(
    select ctid from ${rawSql(table)} t where claimed_by = any(${holders}::text[])
      and not exists (select from platform.instances i where i.id = t.claimed_by) for update of t skip locked))`)

/** A claim that was committed less than this time ago is certainly held: a silent instance keeps its claims for 10 s. */
const TRUSTED_MS = 2_000

/**
 * Returns whether a claim is held right before an outward call that must not happen twice. A process can be frozen between the commit of
 * its claim and the call; then another instance has taken the row over. `sinceMs`: `monotonicMs()` before the claim was committed.
 * `readBack` reads from the database whether the claim is held.
 */
export async function isClaimHeld(sinceMs: number, readBack: () => Promise<boolean>): Promise<boolean> {
  for (let knownMs = sinceMs; monotonicMs() - knownMs > TRUSTED_MS;) {
    knownMs = monotonicMs()
    if (!(await readBack())) return false
  }
  return true
}
