import type { Ledger } from '#ledger'
import { type Asset, formatAmount, money } from '#money'
import type { Queryable } from '#platform/database/db'
import type { Invariant } from '#platform/runtime/module'
import { availableOf } from '../postings.ts'
import { readInSnapshot } from '../store/invariants.ts'
import { listHeld, listOverRefunded, listUnbooked, listWrongRefunds } from '../store/refunds.ts'

/** Creates the invariants of refunds, which hold after every commit. */
export const refundInvariants = (ledger: Ledger): readonly Invariant[] => [
  {
    name: 'payments.refund-is-sum-of-parts',
    check: async (q) => (await listWrongRefunds(q)).map(({ id, what }) => `Refund ${id}: ${what}.`),
  },
  {
    name: 'payments.refunds-that-went-are-booked',
    check: async (q) =>
      (await listUnbooked(q)).map(
        ({ id, amount, booked }) => `Refund ${id} of ${amount} was sent and ${booked} of it is booked (minor units).`,
      ),
  },
  {
    name: 'payments.never-refunded-more-than-received',
    check: async (q) =>
      (await listOverRefunded(q)).map(
        ({ id, counted, gone }) =>
          `Receipt ${id} counts ${counted}, and ${gone} of it was reversed or is reserved (minor units).`,
      ),
  },
  {
    name: 'payments.refunds-under-way-are-held',
    check: (q) => readInSnapshot(q, (all) => checkHolds(all, ledger)),
  },
]

async function checkHolds(q: Queryable, ledger: Ledger): Promise<string[]> {
  const wrong: string[] = []
  for (const { account, asset, held } of await listHeld(q)) {
    const { code } = availableOf({ account, asset })
    const balance = await ledger.balance(q, code, asset)
    if (balance.held < held)
      wrong.push(`${code} holds ${show(asset, balance.held)}, pending refunds need ${show(asset, held)}.`)
  }
  return wrong
}

const show = (asset: Asset, minor: bigint): string => `${formatAmount(money(asset, minor))} ${asset}`
