import type { Ledger } from '#ledger'
import { formatAmount, money } from '#money'
import type { Queryable } from '#platform/database/db'
import type { Invariant } from '#platform/runtime/module'
import { clearingOf, liquidityOf, spreadOf } from './postings.ts'
import { refundInvariants } from './refunds/invariants.ts'
import { checkReleases, checkPendingBalances } from './settlements/settlements.ts'
import { listLiquidity } from './store/exchanges.ts'
import {
  readInSnapshot,
  listClearing,
  listUnsettled,
  listWrongDeposits,
  listWrongExcess,
  listWrongExchanges,
  listWrongIntents,
  listWrongReceipts,
} from './store/invariants.ts'

/** Creates the invariants, which hold after every commit. Tests, simulation runs and production (every few minutes) check them. */
export const createInvariants = (ledger: Ledger): readonly Invariant[] => [
  ...refundInvariants(ledger),
  ...ROW_INVARIANTS,
  ...ledgerInvariants(ledger),
]

/** Invariants that one SQL statement each can check. */
const ROW_INVARIANTS: readonly Invariant[] = [
  {
    name: 'payments.received-is-sum-of-receipts',
    check: async (q) => {
      const rows = await listWrongIntents(q)
      return rows.map(
        ({ id, is, should }) =>
          `Payment ${id} says ${is} received, its receipts add up to ${should} (minor units), or its status does not match.`,
      )
    },
  },
  {
    name: 'payments.settled-has-receipt',
    check: async (q) => {
      const rows = await listUnsettled(q)
      return rows.map(
        ({ id, settled }) =>
          `Attempt ${id} is ${settled ? 'settled and has no receipt' : 'not settled and has a receipt'}.`,
      )
    },
  },
  {
    name: 'payments.receipt-is-sum-of-entries',
    check: async (q) => {
      const rows = await listWrongReceipts(q)
      return rows.map(
        ({ id, is, should }) => `Receipt ${id} counts ${is}, its entries add up to ${should} (minor units).`,
      )
    },
  },
  {
    name: 'payments.excess-is-sum-of-entries',
    check: async (q) => {
      const rows = await listWrongExcess(q)
      return rows.map(
        ({ id, is, should }) =>
          `Payment ${id} says that ${is} more was returned than received, its entries say ${should} (minor units).`,
      )
    },
  },
  { name: 'payments.freed-is-what-went-back', check: checkReleases },
  {
    name: 'payments.exchanged-is-what-receipts-count',
    check: async (q) => {
      const rows = await listWrongExchanges(q)
      return rows.map(
        ({ id, is, should }) => `Receipt ${id} counts ${is}, its exchanges add up to ${should} (minor units).`,
      )
    },
  },
  {
    name: 'payments.seen-is-what-is-counted',
    check: async (q) => {
      const rows = await listWrongDeposits(q)
      return rows.map(({ id, state }) =>
        state === 'final' ? `${id} is final and was not counted.` : `${id} is not final and was counted.`,
      )
    },
  },
]

const ledgerInvariants = (ledger: Ledger): readonly Invariant[] => [
  {
    name: 'payments.clearing-is-what-providers-hold',
    check: (q) => readInSnapshot(q, (all) => checkClearing(all, ledger)),
  },
  {
    name: 'payments.liquidity-is-what-was-exchanged',
    check: (q) => readInSnapshot(q, (all) => checkLiquidity(all, ledger)),
  },
  {
    name: 'payments.pending-is-what-is-held-back',
    check: (q) => readInSnapshot(q, (all) => checkPendingBalances(all, ledger)),
  },
]

async function checkClearing(q: Queryable, ledger: Ledger): Promise<string[]> {
  const wrong: string[] = []
  for (const { rail, railAccount, asset, amount } of await listClearing(q)) {
    const { code } = clearingOf({ rail, railAccount, asset })
    const { posted } = await ledger.balance(q, code, asset)
    if (posted === -amount) continue
    const show = (minor: bigint): string => `${formatAmount(money(asset, minor))} ${asset}`
    wrong.push(`${code} is ${show(posted)}, but the receipts say that the provider holds ${show(amount)}.`)
  }
  return wrong
}

async function checkLiquidity(q: Queryable, ledger: Ledger): Promise<string[]> {
  const wrong: string[] = []
  for (const { asset, liquidity, spread } of await listLiquidity(q)) {
    for (const [{ code }, should] of [
      [liquidityOf(asset), liquidity],
      [spreadOf(asset), spread],
    ] as const) {
      const { posted } = await ledger.balance(q, code, asset)
      const show = (minor: bigint): string => `${formatAmount(money(asset, minor))} ${asset}`
      if (posted !== should) wrong.push(`${code} is ${show(posted)}, the exchanges say ${show(should)}.`)
    }
  }
  return wrong
}
