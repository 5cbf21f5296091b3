import { z } from 'zod'
import { NETWORKS, type Network, type Tip } from '#clients/bitcoin'
import type { Sighting } from './sightings.ts'

/** How far the chain was looked at, and what was seen of it that may still change. */
export interface Cursor {
  readonly network: Network
  /** The newest blocks that were looked at, oldest first: where a reorganisation is found by. */
  readonly blocks: readonly Tip[]
  /** Of the scripts that were watched: a script that is new may have been paid in a block that was looked at before it. */
  readonly watched: string
  readonly sightings: readonly Sighting[]
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
const shape = z.object({
  v: z.literal(1),
  network: z.enum(NETWORKS),
  first: height,
  blocks: z.array(hash).min(1),
  watched: z.string(),
  sightings: z.array(
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
      told: z.object({
        as: z.enum(['nothing', 'seen', 'final', 'gone']),
        words: z.string(),
        reversals: z.int(),
        goings: z.int(),
      }),
    }),
  ),
})

/** Throws on a text that `writeCursor` did not make. */
export function readCursor(text: string): Cursor {
  const { network, first, blocks, watched, sightings } = shape.parse(JSON.parse(text))
  return { network, blocks: blocks.map((one, i) => ({ hash: one, height: first + i })), watched, sightings }
}

export const writeCursor = ({ network, blocks, watched, sightings }: Cursor): string =>
  JSON.stringify({
    v: 1,
    network,
    first: blocks[0]?.height ?? 0,
    blocks: blocks.map((block) => block.hash),
    watched,
    sightings: sightings.map((sighting) => ({
      ...sighting,
      sats: sighting.sats.toString(),
      due: sighting.due.toString(),
      firstSeenAt: sighting.firstSeenAt.toISOString(),
    })),
  })
