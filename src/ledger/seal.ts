import type { Clock } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import type { Log } from '#platform/observe/log'
import { digestOf, GENESIS, macOf, nextStart, type Coverage, type Seal } from './chain.ts'
import {
  findHorizon,
  findLastSeal,
  findServerId,
  findBatchEnd,
  listCoveredTransfers,
  lockSeals,
  pauseTransfers,
  writeSeal,
} from './seal-store.ts'

/** Maximum transfers per seal, which are read at once. A larger transaction is still sealed as a unit. */
const MAX_TRANSFERS_PER_SEAL = 10_000

export interface SealResult {
  readonly number: bigint
  readonly transfers: bigint
  /** Digest of the chain so far, in hex. A copy outside the database (log, backup) reveals deleted seals. */
  readonly head: string
  /** True when more transfers wait: seal again. */
  readonly more: boolean
}

/**
 * Seals the transfers that committed since the last seal. Returns undefined when there are none. The first seal of a database is empty: it
 * records the server's identifier, so that a restore into another server is detected.
 */
export async function seal(tx: Tx, deps: { clock: Clock; log: Log; sealKey: Buffer }): Promise<SealResult | undefined> {
  await lockSeals(tx)
  const last = await findLastSeal(tx)
  const server = await findServerId(tx)
  const { more, ...coverage } = await chooseCoverage(tx, last, server)
  const transfers = await listCoveredTransfers(tx, coverage, last)
  const isMilestone = !last || coverage.restored
  if (transfers.length === 0 && !isMilestone) return undefined

  const lastSeq = transfers.reduce((most, { seq }) => (seq > most ? seq : most), last?.lastSeq ?? 0n)
  const body = {
    ...coverage,
    lastSeq: coverage.restored ? coverage.lastSeq : lastSeq,
    transfers: BigInt(transfers.length),
    digest: digestOf(last?.digest ?? GENESIS, transfers),
    at: deps.clock.now(),
  }
  const made: Seal = { ...body, mac: macOf(deps.sealKey, body) }
  await writeSeal(tx, made)
  const head = made.digest.toString('hex')
  tx.afterCommit(() =>
    deps.log.info(
      { seal: String(made.number), transfers: transfers.length, head, restored: made.restored },
      'ledger sealed',
    ),
  )
  return { number: made.number, transfers: made.transfers, head, more }
}

const HIGHEST_SEQ = 2n ** 63n - 1n

async function chooseCoverage(tx: Tx, last: Seal | undefined, server: string): Promise<Coverage & { more: boolean }> {
  const next = { number: (last?.number ?? 0n) + 1n, restored: false, systemIdentifier: server, more: true }
  if (!last) return { ...next, afterSeq: 0n, lastSeq: 0n, fromXid: 0n, toXid: 0n }
  const start = nextStart(last)
  if (last.systemIdentifier !== server) {
    const present = await pauseTransfers(tx)
    const lastSeq = present > last.lastSeq ? present : last.lastSeq
    return { ...next, ...start, lastSeq, toXid: start.fromXid, restored: true }
  }
  const horizon = await findHorizon(tx)
  const toXid = await findBatchEnd(tx, start, horizon, MAX_TRANSFERS_PER_SEAL)
  return { ...next, ...start, lastSeq: HIGHEST_SEQ, toXid, more: toXid < horizon }
}
