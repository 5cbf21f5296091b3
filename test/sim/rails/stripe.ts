import { sql } from '#platform/database/db'
import { sandboxCredentials } from '#sandbox'
import type { Desk } from '../desk.ts'
import { offersMethod, NOTHING, pick, withPayment, type SimulationRun, type Payment } from '../context.ts'
import type { ProviderRefund, SimRail, ProviderReceipt } from '../books.ts'

const PAYS = '4242424242424242'
const ASKS = '4000002500003155'
const DISPUTED = '4000000000000259'
const REFUND_LATER = '4000000000007726'
const REFUND_FAILS = '4000000000005126'
const CARDS = [PAYS, PAYS, PAYS, '4000000000000002', ASKS, DISPUTED, DISPUTED, REFUND_LATER, REFUND_FAILS]

async function openPage({ requestUntilAnswered }: SimulationRun, { id, shop, pages }: Payment): Promise<string> {
  const { status, body } = await requestUntilAnswered(shop, `/api/v1/payments/${id}/attempts`, { method: 'card' })
  if (typeof body.redirect_url === 'string') pages.push(body.redirect_url)
  return String(status)
}

async function typeCard({ desk, random }: SimulationRun, page: string): Promise<string> {
  const number = pick(random, CARDS)
  const { status } = await desk.visit(page, new URLSearchParams({ number, expiry: '12/40', cvc: '123', name: 'Asha' }))
  if (status !== 303) return `${number} ${status}`
  const answer = pick(random, ['approve', 'approve', 'fail'])
  return `${number} ${answer} ${(await desk.visit(`${page}/challenge`, new URLSearchParams({ answer }))).status}`
}

const payByCard = (run: SimulationRun): Promise<string> =>
  withPayment(run, hasPage, ({ pages }) => typeCard(run, pick(run.random, pages)))

const hasPage = ({ pages }: Payment): boolean => pages.length > 0

async function pay(run: SimulationRun, payment: Payment): Promise<string> {
  const opened = await openPage(run, payment)
  const page = payment.pages.at(-1)
  return page === undefined ? opened : typeCard(run, page)
}

/** Refunds a charge in Stripe's dashboard, without Purser. */
async function refundInDashboard({ desk, random }: SimulationRun): Promise<string> {
  const charges = await desk.providers.owner.many<{ id: string; left: bigint }>(sql`select body->>'id' as id,
      (body->>'amount')::bigint - (body->>'amount_refunded')::bigint as left
    from sandbox.stripe_objects where body->>'object' = 'charge' and body->>'status' = 'succeeded' order by id limit 100`)
  const open = charges.filter(({ left }) => left > 1n)
  if (open.length === 0) return NOTHING
  const { id: charge, left } = pick(random, open)
  const amount = String(left / BigInt(1 + random(3)))
  const body = new URLSearchParams({ charge, amount })
  const { STRIPE_SECRET_KEY: key = '' } = sandboxCredentials('', { livemode: true })
  const headers = { authorization: `Bearer ${key}` }
  const answer = await fetch(`${desk.providersUrl}/sandbox/stripe/v1/refunds`, { method: 'POST', headers, body })
  await answer.text()
  return `${amount} of ${left} ${answer.status}`
}

const OBJECTS = sql`select body->>'id' as id, body from sandbox.stripe_objects`

async function listDifferences({ providers, world }: Desk): Promise<string[]> {
  const twice = await providers.owner.many<{ attempt: string; times: bigint }>(
    sql`select body->>'client_reference_id' as attempt, count(*) as times from sandbox.stripe_objects
      where body->>'object' = 'checkout.session' group by 1 having count(*) > 1`,
  )
  const charges = await providers.owner.many<{ id: string; back: bigint }>(
    sql`select id, (body->>'amount_refunded')::bigint as back from (${OBJECTS}) o where body->>'object' = 'charge'`,
  )
  const ours = await world.app.db.many<{
    id: string
    receipt: string
    back: bigint
  }>(sql`select r.provider_id as id, r.id as receipt,
      coalesce((select sum(e.amount) from payments.receipt_entries e where e.receipt_id = r.id and e.rail = 'stripe'
        and e.kind = 'reversal' and e.provider_id like 're\\_%'), 0)
      - coalesce((select sum(b.gross) from payments.receipts b where b.attempt_id = r.attempt_id and b.rail = 'stripe'
        and b.provider_id like 're\\_%:returned'), 0) as back
    from payments.receipts r where r.rail = 'stripe' and r.provider_id like 'ch\\_%'`)
  const openCases = await world.app.db.many<{ subject: string }>(
    sql`select subject from cases.cases where state = 'open' and kind = 'return-differs'`,
  )
  const isReported = (receipt: string): boolean => openCases.some(({ subject }) => subject === receipt)
  return [
    ...twice.map(({ attempt, times }) => `stripe: ${attempt} has ${times} pages`),
    ...charges.flatMap(({ id, back }) => {
      const here = ours.find((one) => one.id === id)
      if (!here || here.back === back || isReported(here.receipt)) return []
      return [`stripe: ${back} of ${id} was refunded at Stripe and ${here.back} at Purser`]
    }),
  ]
}

export const stripe: SimRail = {
  name: 'stripe',
  method: 'card',
  pay,
  acts: (run) => [
    {
      name: 'card-page',
      weight: 3,
      act: () => withPayment(run, offersMethod('card'), (payment) => openPage(run, payment)),
    },
    { name: 'card', weight: 4, act: () => payByCard(run) },
    { name: 'dashboard-refund', weight: 4, act: () => refundInDashboard(run) },
  ],
  listReceipts: ({ providers }) =>
    providers.owner
      .many<ProviderReceipt>(sql`select id, null as number, (body->>'amount')::bigint as amount from (${OBJECTS}) o
      where body->>'object' = 'charge' and body->>'status' = 'succeeded'`),
  listRefunds: ({ providers }) =>
    providers.owner
      .many<ProviderRefund>(sql`select body->'metadata'->>'purser_refund' as "refundId", (body->>'amount')::bigint as amount
      from (${OBJECTS}) o where body->>'object' = 'refund' and body->>'status' <> 'failed' and body->'metadata' ? 'purser_refund'`),
  listDifferences,
}
