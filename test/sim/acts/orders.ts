import { SIM_RAILS } from '../rails/index.ts'
import { offersMethod, pick, withPayment, type Act, type SimulationRun } from '../context.ts'

const IN_SHILLINGS = ['mpesa', 'airtel', 'card', 'bitcoin', 'transfer']

/** Offers: currency, methods and amounts. */
const OFFERS = [
  { currency: 'KES', methods: IN_SHILLINGS, amount: (n: number) => `${100 + n}.00` },
  { currency: 'KES', methods: [...IN_SHILLINGS, 'balance'], amount: (n: number) => `${100 + (n % 1000)}.00` },
  // Tops up the balance that customers pay with later.
  { currency: 'KES', methods: IN_SHILLINGS, amount: (n: number) => `${2000 + n}.00`, top_up: true },
  {
    currency: 'USD',
    methods: ['crossmint', 'card', 'bitcoin'],
    amount: (n: number) => `${2 + (n % 60)}.${10 + (n % 90)}`,
  },
  { currency: 'BTC', methods: ['bitcoin'], amount: (n: number) => `0.0${String(10_000 + n * 17).padStart(7, '0')}` },
] as const

async function create(run: SimulationRun): Promise<string> {
  const { random, shops, payments, problem, requestUntilAnswered } = run
  const shop = pick(random, shops)
  const { amount, ...offer } = pick(random, OFFERS)
  const customer = { id: pick(random, ['asha', 'juma']) }
  const body = { ...offer, customer, amount: amount(random(3000)), expires_in: random(4) === 0 ? 300 : 3600 }
  const key = `create-${payments.length}`
  const { status, body: made } = await requestUntilAnswered(shop, '/api/v1/payments', body, key)
  if (status !== 201) {
    problem(`a payment was not created: ${status} ${JSON.stringify(made)}`)
    return 'failed'
  }
  payments.push({ id: made.id, key, shop, body, pages: [], orders: [], addresses: [] })
  return `${body.amount} ${offer.currency}`
}

const isAny = (): boolean => true

const again = (run: SimulationRun): Promise<string> =>
  withPayment(run, isAny, async ({ id, key, shop, body: given }) => {
    const { requestUntilAnswered, problem } = run
    const { body } = await requestUntilAnswered(shop, '/api/v1/payments', given, key)
    if (body.id !== id) problem(`${key} made ${id} and then ${JSON.stringify(body)}`)
    return 'the same'
  })

const cancel = (run: SimulationRun): Promise<string> =>
  withPayment(run, isAny, async ({ id, shop }) => {
    const { status } = await run.requestUntilAnswered(shop, `/api/v1/payments/${id}/cancel`, {})
    return String(status)
  })

/** A payer buys something, pays at once by a random offered method, and waits a little. */
async function sell(run: SimulationRun): Promise<string> {
  const made = await create(run)
  const payment = run.payments.at(-1)
  const ways = SIM_RAILS.filter(({ method }) => payment && offersMethod(method)(payment))
  if (made === 'failed' || !payment || ways.length === 0) return made
  // The first method, usually a phone, is twice as likely.
  const way = pick(run.random, [...ways, ...ways.slice(0, 1)])
  const said = await way.pay(run, payment)
  await run.desk.pass(3000)
  return `${made} by ${way.method} ${said}`
}

/** Acts of merchants with payments. */
export const orderActs = (run: SimulationRun): readonly Act[] => [
  { name: 'sell', weight: 24, act: () => sell(run) },
  { name: 'create', weight: 4, act: () => create(run) },
  { name: 'create-again', weight: 2, act: () => again(run) },
  { name: 'cancel', weight: 2, act: () => cancel(run) },
]
