import { money } from '#money'
import type { Tip } from '#clients/bitcoin'
import type { Outcome } from '#rails/contract'
import { confirmationsNeeded, type Tier } from './finality.ts'
import { confirmationsOf, isAlive, type Sighting, type State, type Told } from './sightings.ts'

/** A transaction that nobody holds is often sent again: final money is taken back only when it stays away for so many blocks. */
const ORPHAN_BLOCKS = 6

export interface Telling {
  readonly sighting: Sighting
  /** Undefined: nothing that was not told before. */
  readonly outcome: Outcome | undefined
}

/** What is to be told of a sighting, and the sighting as one of which it was told. Telling again tells nothing. */
export function tell(sighting: Sighting, tip: Tip, tiers: readonly Tier[]): Telling {
  return isAlive(sighting) ? tellAlive(sighting, tip, tiers) : tellGone(sighting, tip)
}

function tellAlive(sighting: Sighting, tip: Tip, tiers: readonly Tier[]): Telling {
  const { told, due, sats, replaceable, coinbase, state } = sighting
  // Final stays final while the money is there, also when its block went and it waits again: only going is news.
  if (told.as === 'final') return { sighting, outcome: undefined }
  const have = confirmationsOf(sighting, tip)
  const larger = sats > due ? sats : due
  const need = confirmationsNeeded(tiers, {
    sats: larger,
    replaceable: replaceable && state.kind === 'mempool',
    coinbase,
  })
  const final = have >= need
  const words = `${final ? 'final' : 'seen'} ${have}/${need}`
  if (told.words === words) return { sighting, outcome: undefined }
  const receipt = {
    id: receiptIdOf(sighting),
    gross: money('BTC/8', sats),
    at: sighting.firstSeenAt,
    final,
    stated: true,
    confirmations: { have: Math.min(have, need), need },
    ...(final && have === 0 ? { risk: 'unconfirmed' as const } : {}),
  }
  return {
    sighting: { ...sighting, told: { ...told, as: final ? 'final' : 'seen', words } },
    outcome: { kind: 'received', receipts: [receipt] },
  }
}

function tellGone(sighting: Sighting, tip: Tip): Telling {
  const { told, state, since } = sighting
  if (told.as === 'nothing' || told.as === 'gone') return { sighting, outcome: undefined }
  const mayComeBack = state.kind === 'orphaned' && tip.height - since < ORPHAN_BLOCKS
  if (told.as === 'final' && mayComeBack) return { sighting, outcome: undefined }
  const receiptId = receiptIdOf(sighting)
  const goings = told.goings + 1
  const after: Told = {
    as: 'gone',
    words: state.kind,
    reversals: told.reversals + (told.as === 'final' ? 1 : 0),
    goings,
  }
  return {
    sighting: { ...sighting, told: after },
    outcome: {
      kind: 'reversed',
      receiptId,
      amount: money('BTC/8', sighting.sats),
      reason: reasonOf(state),
      reversalId: `${receiptId}:gone:${goings}`,
    },
  }
}

/** The outpoint; after it was counted and taken back, what comes again is another receipt. */
const receiptIdOf = ({ outpoint, told }: Pick<Sighting, 'outpoint' | 'told'>): string =>
  told.reversals === 0 ? outpoint : `${outpoint}:again:${told.reversals}`

function reasonOf(state: State): string {
  switch (state.kind) {
    case 'replaced':
      return `replaced by ${state.by}`
    case 'conflicted':
      return 'its coins were spent otherwise'
    case 'orphaned':
      return 'neither in a block nor waiting for one'
    case 'mempool':
    case 'confirmed':
      return ''
  }
}
