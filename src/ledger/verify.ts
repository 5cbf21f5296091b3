import type { Queryable } from '#platform/database/db'
import { digestOf, continuesFrom, GENESIS, hasValidMac, type Seal } from './chain.ts'
import { invariants } from './invariants.ts'
import { countTransfers, listCoveredTransfers, listSeals } from './seal-store.ts'

export interface Verification {
  readonly ok: boolean
  /** What is wrong, in plain words. */
  readonly problems: readonly string[]
  readonly seals: number
  readonly transfers: bigint
  /** Of them under a seal. */
  readonly sealed: bigint
  /** Digest of the last seal, hex; undefined before the first. */
  readonly head: string | undefined
}

const PAGE = 200
/** More would not help whoever reads them. */
const MOST_PROBLEMS = 100

/**
 * Replays the chain from its beginning and every invariant, while the ledger is in use. `head` is one that was noted earlier: that it is
 * still part of the chain shows that nothing was cut off since.
 */
export async function verify(q: Queryable, sealKey: Buffer, head?: string): Promise<Verification> {
  const problems: string[] = []
  let last: Seal | undefined
  let sealed = 0n
  let seals = 0
  let headSeen = false
  for (;;) {
    const page = await listSeals(q, last?.number ?? 0n, PAGE)
    for (const seal of page) {
      problems.push(...(await checkSeal(q, sealKey, seal, last)))
      if (seal.digest.toString('hex') === head?.toLowerCase()) headSeen = true
      sealed += seal.transfers
      seals += 1
      last = seal
    }
    if (page.length < PAGE) break
  }
  if (head !== undefined && !headSeen)
    problems.push(`The head ${head} is not in the chain: seals were cut off or made anew since it was noted.`)
  const count = await countTransfers(q, last)
  const outside = count.all - count.unsealed - sealed
  if (problems.length === 0 && outside !== 0n) {
    problems.push(`${outside} transfers were put among sealed ones afterwards.`)
  }
  for (const invariant of invariants) problems.push(...(await invariant.check(q)))
  return {
    ok: problems.length === 0,
    problems: problems.slice(0, MOST_PROBLEMS),
    seals,
    transfers: count.all,
    sealed,
    head: last?.digest.toString('hex'),
  }
}

async function checkSeal(q: Queryable, sealKey: Buffer, seal: Seal, last: Seal | undefined): Promise<string[]> {
  const problems: string[] = []
  const name = `Seal ${seal.number} of ${seal.at.toISOString()}`
  const number = (last?.number ?? 0n) + 1n
  if (seal.number !== number) {
    problems.push(`Seals ${number} to ${seal.number - 1n} are missing.`)
    // What came before it is unknown, so only its MAC can be told.
    if (!hasValidMac(sealKey, seal)) problems.push(forged(name))
    return problems
  }
  if (!hasValidMac(sealKey, seal)) problems.push(forged(name))
  if (!continuesFrom(seal, last)) problems.push(`${name} does not begin where the seal before it ends.`)
  const transfers = await listCoveredTransfers(q, seal, last)
  if (digestOf(last?.digest ?? GENESIS, transfers).equals(seal.digest)) return problems
  const first = transfers[0]
  const range = first ? ` (transfers ${first.seq} to ${transfers.at(-1)?.seq ?? first.seq})` : ''
  const missing = seal.transfers - BigInt(transfers.length)
  if (missing > 0n)
    problems.push(`${name}${range}: of ${seal.transfers} sealed transfers ${missing} are no longer there.`)
  else if (missing < 0n)
    problems.push(`${name}${range}: ${-missing} transfers were added to the ${seal.transfers} sealed ones.`)
  else problems.push(`${name}${range}: transfers were changed after they had been sealed, or the seal was.`)
  return problems
}

const forged = (name: string): string =>
  `${name} does not bear our MAC: it was forged or changed, or made with another key.`
