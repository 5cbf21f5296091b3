import type { Queryable } from '#platform/database/db'
import { digestOf, continuesFrom, GENESIS, hasValidMac, type Seal } from './chain.ts'
import { invariants } from './invariants.ts'
import { countTransfers, listCoveredTransfers, listSeals } from './seal-store.ts'

export interface Verification {
  readonly ok: boolean
  /** One sentence per problem. */
  readonly problems: readonly string[]
  readonly seals: number
  readonly transfers: bigint
  /** Number of sealed transfers. */
  readonly sealed: bigint
  /** Digest of the last seal in hex. Undefined before the first seal. */
  readonly head: string | undefined
}

const PAGE = 200
/** Maximum problems reported. More would not help the reader. */
const MAX_PROBLEMS = 100

/**
 * Replays the chain from its start and checks every invariant, while the ledger is in use. `head` is a digest noted earlier: if it is still
 * part of the chain, no seal was deleted since.
 */
export async function verify(q: Queryable, sealKey: Buffer, head?: string): Promise<Verification> {
  const problems: string[] = []
  let last: Seal | undefined
  let sealed = 0n
  let seals = 0
  let headFound = false
  for (;;) {
    const page = await listSeals(q, last?.number ?? 0n, PAGE)
    for (const seal of page) {
      problems.push(...(await checkSeal(q, sealKey, seal, last)))
      if (seal.digest.toString('hex') === head?.toLowerCase()) headFound = true
      sealed += seal.transfers
      seals += 1
      last = seal
    }
    if (page.length < PAGE) break
  }
  if (head !== undefined && !headFound)
    problems.push(`The head ${head} is not in the chain: seals were deleted or rebuilt since it was noted.`)
  const count = await countTransfers(q, last)
  const inserted = count.all - count.unsealed - sealed
  if (problems.length === 0 && inserted !== 0n) {
    problems.push(`${inserted} transfers were inserted among sealed ones.`)
  }
  for (const invariant of invariants) problems.push(...(await invariant.check(q)))
  return {
    ok: problems.length === 0,
    problems: problems.slice(0, MAX_PROBLEMS),
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
    // The chain before it is unknown, so only its MAC can be checked.
    if (!hasValidMac(sealKey, seal)) problems.push(describeInvalidMac(name))
    return problems
  }
  if (!hasValidMac(sealKey, seal)) problems.push(describeInvalidMac(name))
  if (!continuesFrom(seal, last)) problems.push(`${name} does not start where the previous seal ends.`)
  const transfers = await listCoveredTransfers(q, seal, last)
  if (digestOf(last?.digest ?? GENESIS, transfers).equals(seal.digest)) return problems
  const first = transfers[0]
  const range = first ? ` (transfers ${first.seq} to ${transfers.at(-1)?.seq ?? first.seq})` : ''
  const missing = seal.transfers - BigInt(transfers.length)
  if (missing > 0n) problems.push(`${name}${range}: ${missing} of ${seal.transfers} sealed transfers are missing.`)
  else if (missing < 0n)
    problems.push(`${name}${range}: ${-missing} transfers were added to the ${seal.transfers} sealed ones.`)
  else problems.push(`${name}${range}: the transfers or the seal were changed after sealing.`)
  return problems
}

const describeInvalidMac = (name: string): string =>
  `${name} has an invalid MAC: it was forged, changed, or created with another key.`
