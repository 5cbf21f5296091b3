import { AppError } from '#platform/base/errors'
import { sql } from '#platform/database/db'
import type { Answer } from '../../world.ts'
import { PHONES } from '../rails/mpesa.ts'
import { NOTHING, pick, withOne, type Act, type Life, type Payment } from '../life.ts'

/** A payment of which there is something to give back, in minor units; undefined when none is found. */
async function findPaid(
  { desk, random, payments }: Life,
  which: 'any' | 'small' = 'any',
): Promise<{ payment: Payment; left: bigint } | undefined> {
  const rows = await desk.world.app.db.many<{ id: string; asset: string; left: bigint }>(sql`select * from (
      select i.id, i.asset, i.received - coalesce((select sum(f.amount) from payments.refunds f where f.intent_id = i.id
        and f.state in ('created', 'submitting', 'pending', 'unknown', 'claimable')), 0) as left from payments.intents i) open
    where open.left > 0 order by open.left, open.id limit 500`)
  const fitting = which === 'any' ? rows : rows.filter(({ asset }) => asset === 'KES/2').slice(0, 2)
  if (fitting.length === 0) return undefined
  const { id, left } = pick(random, fitting)
  const payment = payments.find((one) => one.id === id)
  return payment && { payment, left }
}

/** Decimal text of so many hundredths; whole units half of the time, since phones take nothing else. */
function textOf({ body }: Payment, minor: bigint, whole: boolean): string {
  const places = body['currency'] === 'BTC' ? 8 : 2
  const unit = 10n ** BigInt(places)
  const amount = whole && minor > unit ? minor - (minor % unit) : minor
  return `${amount / unit}.${(amount % unit).toString().padStart(places, '0')}`
}

const SHARES = [1n, 2n, 2n, 3n] as const

function wanted({ random }: Life, payment: Payment, left: bigint): object {
  const method = random(6) === 0 ? 'claim' : 'auto'
  if (random(3) === 0) return { method }
  const amount = left / pick(random, SHARES)
  return { method, amount: textOf(payment, amount > 0n ? amount : 1n, random(5) > 0) }
}

async function ask({ insist, refunds, problem }: Life, payment: Payment, body: object, key?: string): Promise<Answer> {
  const answer = await insist(payment.shop, `/api/v1/payments/${payment.id}/refunds`, body, key)
  const { status, body: made } = answer
  if (status !== 201) return answer
  const secret = typeof made.claim_url === 'string' ? (new URL(made.claim_url).searchParams.get('c') ?? '') : undefined
  if (!refunds.some(({ id }) => id === made.id)) refunds.push({ id: made.id, payment, secret })
  if (Number(made.amount) <= 0) problem(`a refund of ${made.amount}`)
  return answer
}

const saidOf = ({ status, body }: Answer): string =>
  status === 201 ? `${body.amount} ${body.status}` : `${status} ${body?.error?.code ?? ''}`

async function refund(life: Life): Promise<string> {
  const found = await findPaid(life)
  if (!found) return NOTHING
  const index = life.payments.indexOf(found.payment)
  return `${index} ${saidOf(await ask(life, found.payment, wanted(life, found.payment, found.left)))}`
}

/** Two clerks at once: with one key it is one refund, with two never more than there is, though the balance would do for both. */
async function twiceAtOnce(life: Life): Promise<string> {
  const found = await findPaid(life, 'small')
  if (!found) return NOTHING
  const { payment, left } = found
  // Together more than there is.
  const amount = (left * 2n) / BigInt(2 + life.random(2))
  const body = { amount: textOf(payment, amount, false) }
  const name = `clerk-${life.refunds.length}-${life.payments.length}`
  const same = life.random(3) === 0
  const [one, two] = await Promise.all([
    ask(life, payment, body, name),
    ask(life, payment, body, same ? name : `${name}-too`),
  ])
  if (same && one.status === 201 && two.status === 201 && one.body.id !== two.body.id)
    life.problem(`one key made the refunds ${one.body.id} and ${two.body.id}`)
  // One that failed at once left its part to the other.
  const taken = [one, two].filter((each) => each.status === 201 && each.body.status !== 'failed')
  if (!same && taken.length === 2 && (await cameOf(life, payment)) < amount * 2n)
    life.problem(`${one.body.id} and ${two.body.id} were both made of what is enough for one`)
  return `${life.payments.indexOf(payment)} ${body.amount} ${same ? 'one key' : [one, two].map(saidOf).toSorted().join(', ')}`
}

/** All that ever came of it. */
async function cameOf({ desk }: Life, { id }: Payment): Promise<bigint> {
  const { came } = await desk.world.app.db.one<{ came: bigint }>(
    sql`select received + reversed as came from payments.intents where id = ${id}`,
  )
  return came
}

/** The payer opens the link and says where to; sometimes in two windows. */
function claim(life: Life): Promise<string> {
  const { desk, random, refunds } = life
  const links = refunds.filter(({ secret }) => secret !== undefined)
  return withOne(random, links, async ({ id, secret = '' }) => {
    const say = async (place: string, to: string): Promise<string> => {
      try {
        return (await desk.world.app.payments.refunds.claim({ id, secret, place, to })).status
      } catch (error) {
        await desk.settled()
        return error instanceof AppError ? error.code : 'cut'
      }
    }
    const phone = pick(random, PHONES)
    const byPhone = (): Promise<string> => say('mpesa', phone)
    if (random(4) > 0)
      return random(3) === 0 ? `by hand ${await say('hand', 'Equity 0123')}` : `${phone} ${await byPhone()}`
    await Promise.all([byPhone(), say('hand', 'Equity 0123')])
    return 'twice at once'
  })
}

const takeBack = ({ random, refunds, insist }: Life): Promise<string> =>
  withOne(random, refunds, async ({ id, payment }) => {
    const { status } = await insist(payment.shop, `/api/v1/refunds/${id}/cancel`, {})
    return String(status)
  })

/** Money that goes back. */
export const refundActs = (life: Life): readonly Act[] => [
  { name: 'refund', weight: 20, rough: true, act: () => refund(life) },
  { name: 'refund-twice', weight: 10, act: () => twiceAtOnce(life) },
  { name: 'claim', weight: 14, rough: true, act: () => claim(life) },
  { name: 'cancel-claim', weight: 1, act: () => takeBack(life) },
]
