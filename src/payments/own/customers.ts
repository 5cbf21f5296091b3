import { currencyOf, money, type Money } from '#money'
import type { Ledger, Transfer } from '#ledger'
import type { Queryable, Tx } from '#platform/db'
import { deriveUuid } from '#platform/ids'
import { availableOf, customerAccount, merchantAccount } from '../postings.ts'

/** Prepaid balances. They belong to the customers of one merchant; `customerId` is that merchant's own name for them. */
export interface Customers {
  /** One row per currency they ever had, 1000 at most. */
  balance(q: Queryable, of: CustomerOf): Promise<CustomerBalance[]>
  /**
   * Credits the customer out of the merchant's available balance. Repeats of one `id` change nothing. Throws 409 `ledger.insufficient-funds`, `ledger.transfer-mismatch` for an id that was used otherwise.
   */
  topUp(tx: Tx, move: CustomerMove): Promise<'posted' | 'repeated'>
  /** The other way: the merchant's desk sold something for it. The same rules. */
  spend(tx: Tx, move: CustomerMove): Promise<'posted' | 'repeated'>
}

export interface CustomerOf {
  readonly merchantId: string
  readonly customerId: string
}

export interface CustomerMove extends CustomerOf {
  /** Of the event that it is for; the ids of the postings are derived from it. */
  readonly id: string
  readonly amount: Money
  /** What it is about, for the books: no personal data. */
  readonly ref: string
}

export interface CustomerBalance {
  readonly currency: string
  readonly available: Money
}

const MOST = 1000

export function createCustomers(ledger: Ledger): Customers {
  const move =
    (kind: string, transferOf: (accounts: Accounts) => Pick<Transfer, 'from' | 'to'>): Customers['topUp'] =>
    (tx, { id, merchantId, customerId, amount: { asset, amount }, ref }) => {
      const customer = availableOf({ account: customerAccount(merchantId, customerId), asset })
      const merchant = availableOf({ account: merchantAccount(merchantId), asset })
      const transfer = { ...transferOf({ customer, merchant }), id: deriveUuid(id, kind), amount, kind, ref }
      return ledger.post(tx, [transfer])
    }
  return {
    balance: async (q, { merchantId, customerId }) => {
      const account = customerAccount(merchantId, customerId)
      const rows = await ledger.balances(q, `${account}:`, MOST)
      return rows
        .map(({ asset, posted, held }) => ({ currency: currencyOf(asset), available: money(asset, posted - held) }))
        .toSorted((a, b) => (a.currency < b.currency ? -1 : 1))
    },
    topUp: move('payments.top-up', ({ customer, merchant }) => ({ from: merchant, to: customer })),
    spend: move('payments.spend', ({ customer, merchant }) => ({ from: customer, to: merchant })),
  }
}

type Accounts = Readonly<Record<'customer' | 'merchant', Transfer['from']>>
