import { sql } from '#platform/database/db'
import type { Given, SimRail, Told } from '../books.ts'
import { isBy, withPayment, type Life, type Payment } from '../life.ts'

async function pay({ insist }: Life, { id, shop }: Payment): Promise<string> {
  const { status } = await insist(shop, `/api/v1/payments/${id}/attempts`, { method: 'balance' })
  return String(status)
}

/** What customers have paid in advance: the accounts themselves are the provider's books. */
export const balance: SimRail = {
  name: 'balance',
  method: 'balance',
  pay,
  acts: (life) => [
    { name: 'balance', weight: 6, act: () => withPayment(life, isBy('balance'), (one) => pay(life, one)) },
  ],
  took: ({ world }) =>
    world.app.db.many<Told>(sql`select r.provider_id as id, null as number, sum(t.amount) as amount
      from ledger.transfers t join ledger.accounts a on a.id = t.src and a.code like 'customer:%:balance'
        join payments.receipts r on r.id = t.ref and r.rail = 'balance'
      where t.kind = 'payments.receipt' group by 1`),
  gave: ({ world }) =>
    world.app.db.many<Given>(sql`select substr(e.reason, 8) as "refundId", sum(t.amount) as amount
      from payments.receipt_entries e join ledger.transfers t on t.id = any(e.transfers)
        join ledger.accounts a on a.id = t.dst and a.code like 'customer:%'
      where e.rail = 'balance' and e.reason like 'refund re\\_%' group by 1`),
}
