import { sql, type Queryable, type Sql } from '#platform/database/db'
import { nextStart, type Coverage, type Seal, type SealedTransfer } from './chain.ts'

const COLUMNS = sql`number, after_seq as "afterSeq", last_seq as "lastSeq", from_xid as "fromXid", to_xid as "toXid",
  restored, system_identifier as "systemIdentifier", transfers, digest, mac, at`

/** Allows one sealing at a time, until the transaction ends. */
export const lockSeals = (q: Queryable): Promise<number> => q.run(sql`select pg_advisory_xact_lock(7305004)`)

export const findLastSeal = (q: Queryable): Promise<Seal | undefined> =>
  q.maybe<Seal>(sql`select ${COLUMNS} from ledger.seals order by number desc limit 1`)

export const listSeals = (q: Queryable, after: bigint, limit: number): Promise<Seal[]> =>
  q.many<Seal>(sql`select ${COLUMNS} from ledger.seals where number > ${after} order by number limit ${limit}`)

export const writeSeal = (q: Queryable, seal: Seal): Promise<number> =>
  q.run(sql`insert into ledger.seals (number, after_seq, last_seq, from_xid, to_xid, restored, system_identifier, transfers,
      digest, mac, at)
    values (${seal.number}, ${seal.afterSeq}, ${seal.lastSeq}, ${seal.fromXid}, ${seal.toXid}, ${seal.restored},
      ${seal.systemIdentifier}, ${seal.transfers}, ${seal.digest}, ${seal.mac}, ${seal.at})`)

export async function findServerId(q: Queryable): Promise<string> {
  const row = await q.one<{ id: string }>(sql`select ledger.system_identifier() as id`)
  return row.id
}

/** Returns the horizon: every transaction with a lower id has ended, and its rows are visible to all later statements. */
export async function findHorizon(q: Queryable): Promise<bigint> {
  const row = await q.one<{ xid: bigint }>(sql`select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xid`)
  return row.xid
}

/** Returns the xid to stop before, so that a seal has about `most` transfers: at least one transaction, at most up to the horizon. */
export async function findBatchEnd(
  q: Queryable,
  { afterSeq, fromXid }: Pick<Coverage, 'afterSeq' | 'fromXid'>,
  horizon: bigint,
  most: number,
): Promise<bigint> {
  const row = await q.one<{ first: bigint | null; stop: bigint | null }>(sql`with open as (
      select xid from ledger.transfers where seq > ${afterSeq} and xid >= ${fromXid} and xid < ${horizon}
      order by xid limit ${most + 1}
    ) select min(xid) as first, (select xid from open order by xid offset ${most} limit 1) as stop from open`)
  if (row.first === null || row.stop === null) return horizon
  return row.stop > row.first ? row.stop : row.first + 1n
}

/** Waits for running writers, blocks new transfers until the transaction ends, and returns the highest seq. */
export async function pauseTransfers(q: Queryable): Promise<bigint> {
  await q.run(sql`select ledger.pause_transfers()`)
  const row = await q.one<{ seq: bigint }>(sql`select coalesce(max(seq), 0) as seq from ledger.transfers`)
  return row.seq
}

/** Returns the transfers that a coverage now contains, by seq. `last` is the previous seal. */
export const listCoveredTransfers = (
  q: Queryable,
  coverage: Coverage,
  last: Coverage | undefined,
): Promise<SealedTransfer[]> =>
  q.many<SealedTransfer>(sql`select id, seq, xid, src, dst, amount, asset, kind, ref,
      (extract(epoch from at) * 1000000)::bigint as micros
    from ledger.transfers where ${coverageCondition(coverage, last)} order by seq, id`)

function coverageCondition({ afterSeq, lastSeq, fromXid, toXid, restored }: Coverage, last: Coverage | undefined): Sql {
  if (!restored) return sql`seq > ${afterSeq} and seq <= ${lastSeq} and xid >= ${fromXid} and xid < ${toXid}`
  return sql`seq > ${afterSeq} and seq <= ${lastSeq} and (seq > ${last?.lastSeq ?? 0n} or xid >= ${fromXid})`
}

/** Counts all transfers, and those that the next seals will cover. */
export function countTransfers(q: Queryable, last: Seal | undefined): Promise<{ all: bigint; unsealed: bigint }> {
  const { afterSeq, fromXid } = last ? nextStart(last) : { afterSeq: 0n, fromXid: 0n }
  return q.one(sql`select count(*) as all, count(*) filter (where seq > ${afterSeq} and xid >= ${fromXid}) as unsealed
    from ledger.transfers`)
}
