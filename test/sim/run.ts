import { sql } from '#platform/db'
import { createRandom } from '../random.ts'
import type { Answer } from '../world.ts'
import { openDesk, type Desk } from './desk.ts'
import type { Mishap } from './wire.ts'

/** What a seed led to. */
export interface Outcome {
  /** Sentences on what must not be; none when all is well. */
  readonly problems: readonly string[]
  /** What was done, line by line. */
  readonly trace: readonly string[]
  /** What became of each payment: the same for the same seed. */
  readonly ends: readonly string[]
}

interface Payment {
  readonly id: string
  readonly key: string
  readonly body: object
  readonly pages: string[]
}

const PHONES = Array.from({ length: 11 }, (_, i) => `2547000000${String(i + 1).padStart(2, '0')}`)
const CARDS = ['4242424242424242', '4242424242424242', '4000000000000002', '4000002500003155']
const OUTWARD: readonly Mishap[] = ['not-sent', 'answer-lost', 'error-after', 'busy', 'killed']
const INWARD: readonly Mishap[] = ['swallowed', 'twice', 'later', 'answer-lost', 'error-after', 'not-sent', 'killed']
const DAY_MS = 24 * 60 * 60_000

/** One life of a desk: `steps` things that merchants, payers, networks and machines do, then peace, then the accounts are compared. */
export async function runSeed(seed: number, steps = 60): Promise<Outcome> {
  const random = createRandom(seed)
  await using desk = await openDesk()
  const trace: string[] = []
  const problems: string[] = []
  const payments: Payment[] = []
  const acts = actsOf({ desk, random, payments, problems })
  for (let step = 0; step < steps; step++) {
    const mishap = (all: readonly Mishap[]): Mishap | undefined => (random(3) === 0 ? pick(random, all) : undefined)
    Object.assign(desk.outward, { mishap: mishap(OUTWARD) })
    Object.assign(desk.inward, { mishap: mishap(INWARD) })
    const { name, act } = pick(random, acts)
    const weather = [desk.outward.mishap ?? '-', desk.inward.mishap ?? '-']
    const said = await act()
    await desk.settled()
    trace.push([step, name, said, ...weather].join(' '))
    if (random(5) === 0) await desk.inward.release()
    if (random(20) === 0) {
      trace.push(`${step} crash between`)
      await desk.world.crash()
    }
  }
  await makePeace(desk)
  problems.push(...(await desk.world.broken()), ...(await compare(desk)), ...(await restless(desk, payments)))
  return { problems, trace, ends: await Promise.all(payments.map(({ id }) => endOf(desk, id))) }
}

const pick = <T>(random: (below: number) => number, all: readonly T[]): T => all[random(all.length)] as T

interface Actor {
  readonly desk: Desk
  readonly random: (below: number) => number
  readonly payments: Payment[]
  readonly problems: string[]
}

interface Act {
  readonly name: string
  /** Says what it did, for the trace. */
  act(): Promise<string>
}

function actsOf({ desk, random, payments, problems }: Actor): Act[] {
  const { world } = desk
  let keys = 0
  /** The request of somebody who does not give up until there is an answer. */
  const insist = async (path: string, body: object, key = `key-${++keys}`): Promise<Answer> => {
    for (let tries = 0; ; tries++) {
      const answer = await world.api('POST', path, body, { 'idempotency-key': key }).catch(() => undefined)
      await desk.settled()
      if (answer && answer.status < 500) return answer
      if (tries === 3) {
        problems.push(`${path} was never answered: ${JSON.stringify(answer?.body ?? 'no connection')}`)
        return answer ?? { status: 0, headers: new Headers(), body: {} }
      }
      if (tries > 0) Object.assign(desk.outward, { mishap: undefined })
      await desk.pass(1000)
    }
  }
  const some = (): Payment | undefined => payments[random(payments.length || 1)]
  const create = async (): Promise<string> => {
    const body = { amount: `${100 + random(3000)}.00`, currency: 'KES', methods: ['mpesa', 'card'], expires_in: 3600 }
    const key = `create-${payments.length}`
    const { status, body: made } = await insist('/api/v1/payments', body, key)
    if (status !== 201) {
      problems.push(`A payment was not created: ${status} ${JSON.stringify(made)}`)
      return 'failed'
    }
    payments.push({ id: made.id, key, body, pages: [] })
    return body.amount
  }
  const again = async (): Promise<string> => {
    const payment = some()
    if (!payment) return 'nothing'
    const { body } = await insist('/api/v1/payments', payment.body, payment.key)
    if (body.id !== payment.id) problems.push(`${payment.key} made ${payment.id} and then ${body.id}`)
    return String(payments.indexOf(payment))
  }
  const prompt = async (): Promise<string> => {
    const payment = some()
    if (!payment) return 'nothing'
    const phone = pick(random, PHONES)
    const { status } = await insist(`/api/v1/payments/${payment.id}/attempts`, { method: 'mpesa', phone })
    return `${payments.indexOf(payment)} ${phone} ${status}`
  }
  const openPage = async (): Promise<string> => {
    const payment = some()
    if (!payment) return 'nothing'
    const { status, body } = await insist(`/api/v1/payments/${payment.id}/attempts`, { method: 'card' })
    if (typeof body.redirect_url === 'string') payment.pages.push(body.redirect_url)
    return `${payments.indexOf(payment)} ${status}`
  }
  const payByCard = async (): Promise<string> => {
    const payment = some()
    const page = payment?.pages[random(payment.pages.length || 1)]
    const number = pick(random, CARDS)
    if (!page) return 'nothing'
    const form = new URLSearchParams({ number, expiry: '12/40', cvc: '123', name: 'Asha' })
    const answer = await fetch(page, { method: 'POST', body: form, redirect: 'manual' })
    await answer.text()
    return `${payments.indexOf(payment)} ${number} ${answer.status}`
  }
  const cancel = async (): Promise<string> => {
    const payment = some()
    if (!payment) return 'nothing'
    const { status } = await insist(`/api/v1/payments/${payment.id}/cancel`, {})
    return `${payments.indexOf(payment)} ${status}`
  }
  const repeat = async (): Promise<string> => {
    const phone = pick(random, PHONES)
    const answer = await fetch(`${desk.providersUrl}/sandbox/phone/${phone}/callback`, { method: 'POST' })
    await answer.text()
    return phone
  }
  const pass = async (): Promise<string> => {
    const seconds = 1 + random(40)
    await desk.pass(seconds * 1000)
    return `${seconds} s`
  }
  const times = (count: number, name: string, act: () => Promise<string>): Act[] =>
    Array.from({ length: count }, () => ({ name, act }))
  return [
    ...times(5, 'create', create),
    ...times(1, 'create-again', again),
    ...times(6, 'prompt', prompt),
    ...times(3, 'card-page', openPage),
    ...times(4, 'card', payByCard),
    ...times(1, 'cancel', cancel),
    ...times(1, 'callback-again', repeat),
    ...times(5, 'pass', pass),
  ]
}

/** The networks are whole again, and time enough passes for everything to come to its end. */
async function makePeace(desk: Desk): Promise<void> {
  for (const wire of [desk.outward, desk.inward]) Object.assign(wire, { mishap: undefined })
  await desk.inward.release()
  await desk.pass(3 * 60_000, 5_000)
  await desk.pass(2 * 60 * 60_000, 4 * 60_000)
  await desk.pass(4 * DAY_MS, DAY_MS / 4)
}

interface Told {
  id: string
  /** What people see of it; the same money may be known here by this alone. */
  number: string | null
  amount: bigint
}

interface Ours extends Told {
  rail: string
  receipt: string
}

interface Case {
  rail: string
  /** Our receipt, or the provider's line. */
  subject: string
  theirs: bigint | null
}

/** The providers' books beside ours: what they took is what we counted, or an open case tells a person of the difference. */
async function compare({ world, providers }: Desk): Promise<string[]> {
  const ours = await world.app.db.many<Ours>(
    sql`select r.rail, r.id as receipt, r.provider_id as id, s.number, s.counted as amount from payments.receipts r
      join payments.receipt_states s on s.receipt_id = r.id`,
  )
  const prompts = await providers.owner.many<Told>(
    sql`select id, receipt_number as number, paid_shillings * 100 as amount from sandbox.prompts where result_code = '0'`,
  )
  const charges = await providers.owner.many<Told>(
    sql`select body->>'id' as id, null as number, (body->>'amount')::bigint as amount from sandbox.stripe_objects
      where body->>'object' = 'charge' and body->>'status' = 'succeeded'`,
  )
  const cases = await world.app.db.many<Case>(
    sql`select rail, subject, theirs from payments.cases where state = 'open'`,
  )
  const differences = (rail: string, theirs: readonly Told[]): string[] => {
    const left = new Set(ours.filter((one) => one.rail === rail))
    const problems = theirs.flatMap(({ id, number, amount }) => {
      const here = [...left].find((one) => one.id === id || (number !== null && one.number === number))
      if (!here) {
        const isTold = cases.some((one) => one.rail === rail && one.subject === number && one.theirs === amount)
        return isTold ? [] : [`${rail}: ${id} of ${amount} is missing here`]
      }
      left.delete(here)
      const isTold = here.amount === amount || cases.some(({ subject }) => subject === here.receipt)
      return isTold ? [] : [`${rail}: ${id} is ${amount} there and ${here.amount} here`]
    })
    return problems.concat([...left].map(({ id, amount }) => `${rail}: ${id} of ${amount} was never paid there`))
  }
  return [...differences('mpesa', prompts), ...differences('stripe', charges)]
}

/** Payments that still wait for something, days after the last act. */
async function restless({ world }: Desk, payments: readonly Payment[]): Promise<string[]> {
  const problems: string[] = []
  for (const { id } of payments) {
    const { body } = await world.api('GET', `/api/v1/payments/${id}`)
    const live = body.attempts.filter(({ status }: any) => !['settled', 'failed', 'abandoned'].includes(status))
    if (live.length > 0 || ['open', 'processing'].includes(body.status))
      problems.push(`${id} has not come to rest: ${body.status}, ${JSON.stringify(live)}`)
  }
  return problems
}

async function endOf({ world }: Desk, id: string): Promise<string> {
  const { body } = await world.api('GET', `/api/v1/payments/${id}`)
  const attempts = body.attempts.map(({ method, status }: any) => `${method} ${status}`)
  return [body.status, body.amount, body.amount_received, ...attempts].join(' · ')
}
