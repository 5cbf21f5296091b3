import { SIM_RAILS } from '../rails/index.ts'
import { isBy, pick, withPayment, type Act, type Life } from '../life.ts'

const IN_SHILLINGS = ['mpesa', 'airtel', 'card', 'bitcoin', 'transfer']

/** What is sold, in which currency and by which methods. */
const OFFERS = [
  { currency: 'KES', methods: IN_SHILLINGS, amount: (n: number) => `${100 + n}.00` },
  { currency: 'KES', methods: [...IN_SHILLINGS, 'balance'], amount: (n: number) => `${100 + (n % 1000)}.00` },
  // Fills what the customer pays with later.
  { currency: 'KES', methods: IN_SHILLINGS, amount: (n: number) => `${2000 + n}.00`, top_up: true },
  {
    currency: 'USD',
    methods: ['crossmint', 'card', 'bitcoin'],
    amount: (n: number) => `${2 + (n % 60)}.${10 + (n % 90)}`,
  },
  { currency: 'BTC', methods: ['bitcoin'], amount: (n: number) => `0.0${String(10_000 + n * 17).padStart(7, '0')}` },
] as const

async function create(life: Life): Promise<string> {
  const { random, shops, payments, problem, insist } = life
  const shop = pick(random, shops)
  const { amount, ...offer } = pick(random, OFFERS)
  const customer = { id: pick(random, ['asha', 'juma']) }
  const body = { ...offer, customer, amount: amount(random(3000)), expires_in: random(4) === 0 ? 300 : 3600 }
  const key = `create-${payments.length}`
  const { status, body: made } = await insist(shop, '/api/v1/payments', body, key)
  if (status !== 201) {
    problem(`a payment was not created: ${status} ${JSON.stringify(made)}`)
    return 'failed'
  }
  payments.push({ id: made.id, key, shop, body, pages: [], orders: [], addresses: [] })
  return `${body.amount} ${offer.currency}`
}

const isAny = (): boolean => true

const again = (life: Life): Promise<string> =>
  withPayment(life, isAny, async ({ id, key, shop, body: given }) => {
    const { insist, problem } = life
    const { body } = await insist(shop, '/api/v1/payments', given, key)
    if (body.id !== id) problem(`${key} made ${id} and then ${JSON.stringify(body)}`)
    return 'the same'
  })

const cancel = (life: Life): Promise<string> =>
  withPayment(life, isAny, async ({ id, shop }) => {
    const { status } = await life.insist(shop, `/api/v1/payments/${id}/cancel`, {})
    return String(status)
  })

/** A payer buys something, pays at once by one of the ways there are, and waits a little. */
async function sell(life: Life): Promise<string> {
  const made = await create(life)
  const payment = life.payments.at(-1)
  const ways = SIM_RAILS.filter(({ method }) => payment && isBy(method)(payment))
  if (made === 'failed' || !payment || ways.length === 0) return made
  // Phones twice as often as others.
  const way = pick(life.random, [...ways, ...ways.slice(0, 1)])
  const said = await way.pay(life, payment)
  await life.desk.pass(3000)
  return `${made} by ${way.method} ${said}`
}

/** What merchants do with payments. */
export const orderActs = (life: Life): readonly Act[] => [
  { name: 'sell', weight: 24, act: () => sell(life) },
  { name: 'create', weight: 4, act: () => create(life) },
  { name: 'create-again', weight: 2, act: () => again(life) },
  { name: 'cancel', weight: 2, act: () => cancel(life) },
]
