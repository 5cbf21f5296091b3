import type { Ledger } from '#ledger'
import { formatAmount, money } from '#money'
import type { Db, Queryable } from '#platform/db'
import type { Invariant } from '#platform/module'
import { listClearing, listUnsettled, listWrongIntents, listWrongReceipts, seeOneState } from './books-store.ts'
import { clearingOf } from './postings.ts'

/** What holds after every commit; checked in tests, in the simulator and every few minutes in production. */
export const createInvariants = (ledger: Ledger): readonly Invariant[] => [
  {
    name: 'payments.received-is-sum-of-receipts',
    check: async (q) => {
      const rows = await listWrongIntents(q)
      return rows.map(
        ({ id, is, should }) =>
          `Payment ${id} says ${is} received, its receipts say ${should} (minor units), or its status does not fit.`,
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
    name: 'payments.clearing-is-what-providers-hold',
    check: (q) => inOneState(q, (all) => checkClearing(all, ledger)),
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

/** Two modules are read: from one state, or a payment between the two would look like a hole. */
async function inOneState(q: Queryable | Db, check: (q: Queryable) => Promise<string[]>): Promise<string[]> {
  if (!('transaction' in q)) return check(q)
  return q.transaction(async (tx) => {
    await seeOneState(tx)
    return check(tx)
  })
}
