import { sql } from '#platform/database/db'
import type { ProviderRefund, SimRail, ProviderReceipt } from '../books.ts'
import { offersMethod, withPayment, type SimulationRun, type Payment } from '../context.ts'

async function pay({ requestUntilAnswered }: SimulationRun, { id, shop }: Payment): Promise<string> {
  const { status } = await requestUntilAnswered(shop, `/api/v1/payments/${id}/attempts`, { method: 'balance' })
  return String(status)
}

/** Payments from prepaid customer balances. Their ledger accounts serve as the provider's books. */
export const balance: SimRail = {
  name: 'balance',
  method: 'balance',
  pay,
  acts: (run) => [
    { name: 'balance', weight: 6, act: () => withPayment(run, offersMethod('balance'), (one) => pay(run, one)) },
  ],
  listReceipts: ({ world }) =>
    world.app.db.many<ProviderReceipt>(sql`select r.provider_id as id, null as number, sum(t.amount) as amount
      from ledger.transfers t join ledger.accounts a on a.id = t.src and a.code like 'customer:%:balance'
        join payments.receipts r on r.id = t.ref and r.rail = 'balance'
      where t.kind = 'payments.receipt' group by 1`),
  listRefunds: ({ world }) =>
    world.app.db.many<ProviderRefund>(sql`select substr(e.reason, 8) as "refundId", sum(t.amount) as amount
      from payments.receipt_entries e join ledger.transfers t on t.id = any(e.transfers)
        join ledger.accounts a on a.id = t.dst and a.code like 'customer:%'
      where e.rail = 'balance' and e.reason like 'refund re\\_%' group by 1`),
}
