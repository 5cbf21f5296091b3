// Stores and acknowledges M-Pesa callbacks with the real program, beside a bare Fastify that stores a body by one INSERT.
import { alternate, type Rates } from './lib/drive.ts'
import { loadHttp } from './lib/http.ts'
import { atLeast, ms, percent, perSecond, type Bench } from './lib/result.ts'
import { openAll, startFloor, startPurserByUrl, type Side } from './lib/sides.ts'
import { until } from './lib/until.ts'

const LANES = [1, 10, 50] as const
const SIDES = { floor: 'floor', web: 'Purser, web', both: 'Purser, web and worker' } as const
type SideName = keyof typeof SIDES
type Name = `${SideName} ${(typeof LANES)[number]}`

/** Number of payments per side that receive callbacks. */
const PAYMENTS = { full: 200, quick: 20 } as const
/** The simulated phone with this number pays after one second. */
const PHONE = '254700000001'

/** Prompt that Safaricom calls back about, and the callback URL. */
interface Prompt {
  readonly id: string
  readonly url: string
  readonly receipt: string
  readonly decided?: boolean
}

const bench: Bench = async (context) => {
  const payments = context.quick ? PAYMENTS.quick : PAYMENTS.full
  const [floor, web, both] = await openAll([
    startFloor(context),
    startPurserByUrl(context, { INSTANCE_TYPE: 'web' }),
    startPurserByUrl(context, { INSTANCE_TYPE: 'all' }),
  ])
  const sides = { floor, web, both }
  const prompts = {
    floor: createFloorPrompts(sides.floor, payments),
    web: await createPrompts(sides.web, payments, false),
    both: await createPrompts(sides.both, payments, true),
  }
  const stored = { floor: 0, web: 0, both: 0 }
  let count = 0
  const run = async (side: SideName, lanes: number): Promise<Rates> => {
    const { url, headers, ask } = sides[side]
    const next = (n: number): { path: string; body: string } => {
      const prompt = prompts[side][n % payments]
      if (!prompt) throw new Error(`${side} has ${prompts[side].length} prompts of ${payments}`)
      return { path: new URL(prompt.url).pathname, body: renderCallback(prompt, count++) }
    }
    const load = { url, method: 'POST', headers, lanes, expectStatus: 200, durationMs: context.durationMs } as const
    const rates = await loadHttp({ ...load, next })
    // Events that the worker has not handled yet must not slow the next run.
    if (side !== 'floor') await ask(`update inbox.events set state = 'ignored' where state = 'new'`)
    const table = side === 'floor' ? 'floor.events' : 'inbox.events'
    const [row] = await ask<{ count: number }>(`select count(*)::int as count from ${table}`)
    const added = (row?.count ?? 0) - stored[side]
    if (added < rates.acts) throw new Error(`${side} acknowledged ${rates.acts} callbacks and stored ${added}`)
    stored[side] += added
    return rates
  }
  const names = Object.keys(SIDES) as SideName[]
  const variants = LANES.flatMap((lanes) => names.map((side) => [`${side} ${lanes}`, () => run(side, lanes)] as const))
  const rates = await alternate(Object.fromEntries(variants) as Record<Name, () => Promise<Rates>>, context.runs)
  const share = (name: Name, beside: Name): number => rates[name].perSecond / rates[beside].perSecond
  return {
    tables: [
      {
        title: 'Callbacks stored and acknowledged',
        columns: ['', 'connections', 'per second', 'share', 'p50', 'p99'],
        rows: LANES.flatMap((lanes) =>
          names.map((side) => {
            const { p50Us, p99Us } = rates[`${side} ${lanes}`]
            const shareText = percent(share(`${side} ${lanes}`, `floor ${lanes}`))
            return [SIDES[side], lanes, perSecond(rates[`${side} ${lanes}`]), shareText, ms(p50Us), ms(p99Us)]
          }),
        ),
      },
    ],
    bounds: [atLeast('share of the floor at 50 connections, web', share('web 50', 'floor 50'), 0.75)],
    notes: [
      'Purser: the real program in the sandbox; each callback has its own body and the secret path of a payment.',
      '"web" (INSTANCE_TYPE=web) stores and acknowledges. "web and worker" (INSTANCE_TYPE=all) also handles the stored callbacks, on the same core.',
      'Each has its own PostgreSQL, reached by DATABASE_URL, with the settings of the embedded one. Only INSTANCE_TYPE differs.',
      'Floor: Fastify without a logger that stores the body by one prepared INSERT, with a pool of 10 and its own PostgreSQL.',
    ],
  }
}

const createFloorPrompts = ({ url }: Side, payments: number): Prompt[] =>
  Array.from({ length: payments }, (_, n) => ({ id: `ws_CO_${n}`, url: `${url}/events/${n}`, receipt: 'NLJ7RT61SV' }))

/** Creates payments and prompts. With a worker, waits until the simulated phones have paid. */
async function createPrompts({ url, headers, ask }: Side, payments: number, hasWorker: boolean): Promise<Prompt[]> {
  const post = async (path: string, body: object): Promise<{ id: string }> => {
    const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    if (answer.status !== 201) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
    return (await answer.json()) as { id: string }
  }
  for (let n = 0; n < payments; n++) {
    const { id } = await post('/api/v1/payments', { amount: '1500.00', currency: 'KES' })
    await post(`/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone: PHONE })
  }
  const list = (): Promise<Prompt[]> =>
    ask(`select id, callback_url as url, coalesce(receipt_number, 'NLJ7RT61SV') as receipt, result_code is not null as decided
      from sandbox.prompts`)
  if (hasWorker)
    await until(async () => (await list()).every(({ decided }) => decided), 'the sandbox pays all payments')
  return list()
}

/** Renders a callback as Safaricom writes it. The balance differs each time, so that each is a new event. */
function renderCallback({ id, receipt }: Prompt, n: number): string {
  const items = [
    `{"Name":"Amount","Value":1500.00},{"Name":"MpesaReceiptNumber","Value":"${receipt}"},{"Name":"Balance","Value":${n}}`,
    `{"Name":"TransactionDate","Value":20260115120102},{"Name":"PhoneNumber","Value":${PHONE}}`,
  ]
  const result = '"ResultCode":0,"ResultDesc":"The service request is processed successfully."'
  const ids = `"MerchantRequestID":"29115-34620561-1","CheckoutRequestID":"${id}"`
  return `{"Body":{"stkCallback":{${ids},${result},"CallbackMetadata":{"Item":[${items.join(',')}]}}}}`
}

export default bench
