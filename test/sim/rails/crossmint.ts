import { sql } from '#platform/database/db'
import { offersMethod, pick, withPayment, type SimulationRun, type Payment } from '../context.ts'
import type { SimRail, ProviderReceipt } from '../books.ts'

const PAYS = { number: '4242424242424242' }
const NEVER_ARRIVES = { number: '4000000000000341' }
const PAYMENTS = [PAYS, PAYS, { wallet: 'full' }, { wallet: 'empty' }, { number: '4000000000000002' }, NEVER_ARRIVES]

async function openOrder({ requestUntilAnswered }: SimulationRun, { id, shop, orders }: Payment): Promise<string> {
  const { status, body } = await requestUntilAnswered(shop, `/api/v1/payments/${id}/attempts`, { method: 'crossmint' })
  if (typeof body.redirect_url === 'string') orders.push(body.redirect_url)
  return String(status)
}

/** Pays on Crossmint's own page, without the proxies. */
async function payOrder({ desk, random }: SimulationRun, order: string): Promise<string> {
  const { pathname, search } = new URL(order)
  const payment = pick<object>(random, PAYMENTS)
  const { status } = await desk.visit(pathname + search, new URLSearchParams({ ...payment }))
  return `${Object.values(payment).join()} ${status}`
}

const hasOrder = ({ orders }: Payment): boolean => orders.length > 0

async function pay(run: SimulationRun, payment: Payment): Promise<string> {
  const opened = await openOrder(run, payment)
  const order = payment.orders.at(-1)
  return order === undefined ? opened : payOrder(run, order)
}

export const crossmint: SimRail = {
  name: 'crossmint',
  method: 'crossmint',
  pay,
  acts: (run) => [
    { name: 'order', weight: 2, act: () => withPayment(run, offersMethod('crossmint'), (one) => openOrder(run, one)) },
    {
      name: 'pay-order',
      weight: 3,
      act: () => withPayment(run, hasOrder, ({ orders }) => payOrder(run, pick(run.random, orders))),
    },
  ],
  listReceipts: ({ providers }) =>
    providers.owner.many<ProviderReceipt>(sql`select id, null as number,
        ((body->'quote'->'totalPrice'->>'amount')::numeric * 100)::numeric(38, 0) as amount
      from sandbox.objects where provider = 'crossmint' and body->'payment'->>'status' = 'completed' and not body->'payment' ? 'refunded'`),
  listDifferences: async ({ providers, world }) => {
    const { orders } = await providers.owner.one<{ orders: bigint }>(
      sql`select count(*) as orders from sandbox.objects where provider = 'crossmint'`,
    )
    const { attempts } = await world.app.db.one<{ attempts: bigint }>(
      sql`select count(*) as attempts from payments.attempts where rail = 'crossmint' and submitted_at is not null`,
    )
    return orders > attempts ? [`crossmint: ${orders} orders were created for ${attempts} attempts`] : []
  },
}
