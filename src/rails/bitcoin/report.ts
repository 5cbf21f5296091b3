import { money } from '#money'
import type { Tip } from '#clients/bitcoin'
import type { Outcome } from '#rails/contract'
import { confirmationsNeeded, type Tier } from './finality.ts'
import { confirmationsOf, isAlive, type Deposit, type Reported, type State } from './deposits.ts'

/** Wallets often rebroadcast an orphaned transaction, so final money is reversed only after it was missing for this many blocks. */
const ORPHAN_BLOCKS = 6

export interface Report {
  /** The deposit with this report recorded in `reported`. */
  readonly deposit: Deposit
  /** Undefined when nothing changed since the last report. */
  readonly outcome: Outcome | undefined
}

/** Returns the outcome to report for a deposit. Calling it again with the returned deposit reports nothing. */
export function reportDeposit(deposit: Deposit, tip: Tip, tiers: readonly Tier[]): Report {
  return isAlive(deposit) ? reportReceipt(deposit, tip, tiers) : reportReversal(deposit, tip)
}

function reportReceipt(deposit: Deposit, tip: Tip, tiers: readonly Tier[]): Report {
  const { reported, due, sats, replaceable, coinbase, state } = deposit
  // Final money stays final while its transaction exists, even if a reorg returns it to the mempool. Only its loss is reported.
  if (reported.as === 'final') return { deposit, outcome: undefined }
  const have = confirmationsOf(deposit, tip)
  const larger = sats > due ? sats : due
  const need = confirmationsNeeded(tiers, {
    sats: larger,
    replaceable: replaceable && state.kind === 'mempool',
    coinbase,
  })
  const final = have >= need
  const summary = `${final ? 'final' : 'seen'} ${have}/${need}`
  if (reported.summary === summary) return { deposit, outcome: undefined }
  const receipt = {
    id: receiptIdOf(deposit),
    gross: money('BTC/8', sats),
    at: deposit.firstSeenAt,
    final,
    stated: true,
    confirmations: { have: Math.min(have, need), need },
    ...(final && have === 0 ? { risk: 'unconfirmed' as const } : {}),
  }
  return {
    deposit: { ...deposit, reported: { ...reported, as: final ? 'final' : 'seen', summary } },
    outcome: { kind: 'received', receipts: [receipt] },
  }
}

function reportReversal(deposit: Deposit, tip: Tip): Report {
  const { reported, state, since } = deposit
  if (reported.as === 'nothing' || reported.as === 'gone') return { deposit, outcome: undefined }
  const mayReturn = state.kind === 'orphaned' && tip.height - since < ORPHAN_BLOCKS
  if (reported.as === 'final' && mayReturn) return { deposit, outcome: undefined }
  const receiptId = receiptIdOf(deposit)
  const losses = reported.losses + 1
  const after: Reported = {
    as: 'gone',
    summary: state.kind,
    reversals: reported.reversals + (reported.as === 'final' ? 1 : 0),
    losses,
  }
  return {
    deposit: { ...deposit, reported: after },
    outcome: {
      kind: 'reversed',
      receiptId,
      amount: money('BTC/8', deposit.sats),
      reason: reasonOf(state),
      reversalId: `${receiptId}:gone:${losses}`,
    },
  }
}

/** Returns the outpoint. After a reversal of final money, the same output becomes a new receipt with a suffix. */
const receiptIdOf = ({ outpoint, reported }: Pick<Deposit, 'outpoint' | 'reported'>): string =>
  reported.reversals === 0 ? outpoint : `${outpoint}:again:${reported.reversals}`

function reasonOf(state: State): string {
  switch (state.kind) {
    case 'replaced':
      return `replaced by ${state.by}`
    case 'conflicted':
      return 'another transaction spent its inputs'
    case 'orphaned':
      return 'its transaction is in no block and not in the mempool'
    case 'mempool':
    case 'confirmed':
      return ''
  }
}
