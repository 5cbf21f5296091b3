import { z } from 'zod'
import { NETWORKS, type Network, type Tip } from '#clients/bitcoin'
import type { Deposit } from './deposits.ts'

/** Position in the chain, and the deposits that can still change. */
export interface Cursor {
  readonly network: Network
  /** Newest blocks that were read, oldest first. A reorg shows when one of them is no longer in the best chain. */
  readonly blocks: readonly Tip[]
  /** Hash of the watched scripts. When it changes, recent blocks are read again: a new script may have been paid in one of them. */
  readonly watched: string
  readonly deposits: readonly Deposit[]
}

const hash = z.string().regex(/^[0-9a-f]{64}$/)
const height = z.int().nonnegative()
const sats = z.string().regex(/^\d+$/).transform(BigInt)
const state = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('mempool') }),
  z.object({ kind: z.literal('confirmed'), hash, height }),
  z.object({ kind: z.literal('replaced'), by: hash }),
  z.object({ kind: z.literal('conflicted') }),
  z.object({ kind: z.literal('orphaned') }),
])
/** The stored text. */
const shape = z.object({
  v: z.literal(1),
  network: z.enum(NETWORKS),
  first: height,
  blocks: z.array(hash).min(1),
  watched: z.string(),
  deposits: z.array(
    z.object({
      outpoint: z.string(),
      script: z.string(),
      attemptId: z.string(),
      sats,
      due: sats,
      coinbase: z.boolean(),
      inputs: z.array(z.string()),
      replaceable: z.boolean(),
      state,
      since: height,
      firstSeenAt: z.iso.datetime().transform((text) => new Date(text)),
      reported: z.object({
        as: z.enum(['nothing', 'seen', 'final', 'gone']),
        summary: z.string(),
        reversals: z.int(),
        losses: z.int(),
      }),
    }),
  ),
})

/** Reads the text of `writeCursor`. Throws ZodError or SyntaxError on any other text. */
export function readCursor(text: string): Cursor {
  const { network, first, blocks, watched, deposits } = shape.parse(JSON.parse(text))
  return { network, blocks: blocks.map((one, i) => ({ hash: one, height: first + i })), watched, deposits }
}

/** Returns the cursor as text for the database. */
export const writeCursor = ({ network, blocks, watched, deposits }: Cursor): string =>
  JSON.stringify({
    v: 1,
    network,
    first: blocks[0]?.height ?? 0,
    blocks: blocks.map((block) => block.hash),
    watched,
    deposits: deposits.map((deposit) => ({
      ...deposit,
      sats: deposit.sats.toString(),
      due: deposit.due.toString(),
      firstSeenAt: deposit.firstSeenAt.toISOString(),
    })),
  })
