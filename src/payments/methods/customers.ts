import type { Ledger, Transfer } from '#ledger'
import { currencyOf, money } from '#money'
import { deriveUuid } from '#platform/base/ids'
import { availableOf, customerAccount, merchantAccount } from '../postings.ts'
import type { Customers } from './types.ts'

const MAX_LISTED = 1000

/** Creates the access to prepaid balances of customers. */
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
      const rows = await ledger.balances(q, `${account}:`, MAX_LISTED)
      return rows
        .map(({ asset, posted, held }) => ({ currency: currencyOf(asset), available: money(asset, posted - held) }))
        .toSorted((a, b) => (a.currency < b.currency ? -1 : 1))
    },
    topUp: move('payments.top-up', ({ customer, merchant }) => ({ from: merchant, to: customer })),
    spend: move('payments.spend', ({ customer, merchant }) => ({ from: customer, to: merchant })),
  }
}

type Accounts = Readonly<Record<'customer' | 'merchant', Transfer['from']>>
