import { sql } from '#platform/db'
import { isBy, pick, withPayment, type Life } from '../life.ts'
import type { SimRail, Told } from '../books.ts'

const PAYS = { number: '4242424242424242' }
const NEVER_ARRIVES = { number: '4000000000000341' }
const PAYMENTS = [PAYS, PAYS, { wallet: 'full' }, { wallet: 'empty' }, { number: '4000000000000002' }, NEVER_ARRIVES]

const openOrder = (life: Life): Promise<string> =>
  withPayment(life, isBy('crossmint'), async ({ id, shop, orders }) => {
    const { status, body } = await life.insist(shop, `/api/v1/payments/${id}/attempts`, { method: 'crossmint' })
    if (typeof body.redirect_url === 'string') orders.push(body.redirect_url)
    return String(status)
  })

const pay = (life: Life): Promise<string> =>
  withPayment(
    life,
    ({ orders }) => orders.length > 0,
    async ({ orders }) => {
      const { desk, random } = life
      const { pathname, search } = new URL(pick(random, orders))
      const payment = pick<object>(random, PAYMENTS)
      const { status } = await desk.visit(pathname + search, new URLSearchParams({ ...payment }))
      return `${Object.values(payment).join()} ${status}`
    },
  )

export const crossmint: SimRail = {
  name: 'crossmint',
  acts: (life) => [
    { name: 'order', weight: 8, act: () => openOrder(life) },
    { name: 'pay-order', weight: 8, act: () => pay(life) },
  ],
  took: ({ providers }) =>
    providers.owner.many<Told>(sql`select id, null as number,
        ((body->'quote'->'totalPrice'->>'amount')::numeric * 100)::numeric(38, 0) as amount
      from sandbox.objects where provider = 'crossmint' and body->'payment'->>'status' = 'completed' and not body->'payment' ? 'refunded'`),
  differences: async ({ providers, world }) => {
    const { orders } = await providers.owner.one<{ orders: bigint }>(
      sql`select count(*) as orders from sandbox.objects where provider = 'crossmint'`,
    )
    const { attempts } = await world.app.db.one<{ attempts: bigint }>(
      sql`select count(*) as attempts from payments.attempts where rail = 'crossmint' and submitted_at is not null`,
    )
    return orders > attempts ? [`crossmint: ${orders} orders were made for ${attempts} attempts`] : []
  },
}
