import { AppError } from '#platform/base/errors'
import { sql } from '#platform/database/db'
import type { Answer } from '../../world.ts'
import { PHONES } from '../rails/mpesa.ts'
import { NOTHING, pick, withRandomElement, type Act, type SimulationRun, type Payment } from '../context.ts'

/** Finds a payment with a refundable amount, in minor units. Undefined when there is none. */
async function findPaid(
  { desk, random, payments }: SimulationRun,
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

/** Formats minor units as a decimal. `whole` rounds down to whole units, because phones accept nothing else. */
function formatShare({ body }: Payment, minor: bigint, whole: boolean): string {
  const places = body['currency'] === 'BTC' ? 8 : 2
  const unit = 10n ** BigInt(places)
  const amount = whole && minor > unit ? minor - (minor % unit) : minor
  return `${amount / unit}.${(amount % unit).toString().padStart(places, '0')}`
}

const SHARES = [1n, 2n, 2n, 3n] as const

function wanted({ random }: SimulationRun, payment: Payment, left: bigint): object {
  const method = random(6) === 0 ? 'claim' : 'auto'
  if (random(3) === 0) return { method }
  const amount = left / pick(random, SHARES)
  return { method, amount: formatShare(payment, amount > 0n ? amount : 1n, random(5) > 0) }
}

async function ask(
  { requestUntilAnswered, refunds, problem }: SimulationRun,
  payment: Payment,
  body: object,
  key?: string,
): Promise<Answer> {
  const answer = await requestUntilAnswered(payment.shop, `/api/v1/payments/${payment.id}/refunds`, body, key)
  const { status, body: made } = answer
  if (status !== 201) return answer
  const secret = typeof made.claim_url === 'string' ? (new URL(made.claim_url).searchParams.get('c') ?? '') : undefined
  if (!refunds.some(({ id }) => id === made.id)) refunds.push({ id: made.id, payment, secret })
  if (Number(made.amount) <= 0) problem(`a refund of ${made.amount}`)
  return answer
}

const describeAnswer = ({ status, body }: Answer): string =>
  status === 201 ? `${body.amount} ${body.status}` : `${status} ${body?.error?.code ?? ''}`

async function refund(run: SimulationRun): Promise<string> {
  const found = await findPaid(run)
  if (!found) return NOTHING
  const index = run.payments.indexOf(found.payment)
  return `${index} ${describeAnswer(await ask(run, found.payment, wanted(run, found.payment, found.left)))}`
}

/** Two concurrent refund requests. One key must give one refund; two keys must never exceed the payment, even if the balance could. */
async function refundConcurrently(run: SimulationRun): Promise<string> {
  const found = await findPaid(run, 'small')
  if (!found) return NOTHING
  const { payment, left } = found
  // The two amounts together exceed the refundable amount.
  const amount = (left * 2n) / BigInt(2 + run.random(2))
  const body = { amount: formatShare(payment, amount, false) }
  const name = `clerk-${run.refunds.length}-${run.payments.length}`
  const same = run.random(3) === 0
  const [one, two] = await Promise.all([
    ask(run, payment, body, name),
    ask(run, payment, body, same ? name : `${name}-too`),
  ])
  if (same && one.status === 201 && two.status === 201 && one.body.id !== two.body.id)
    run.problem(`one key made the refunds ${one.body.id} and ${two.body.id}`)
  // A refund that failed at once released its amount to the other.
  const accepted = [one, two].filter((each) => each.status === 201 && each.body.status !== 'failed')
  if (!same && accepted.length === 2 && (await sumReceived(run, payment)) < amount * 2n)
    run.problem(`${one.body.id} and ${two.body.id} were both created, although the amount covers only one`)
  return `${run.payments.indexOf(payment)} ${body.amount} ${same ? 'one key' : [one, two].map(describeAnswer).toSorted().join(', ')}`
}

/** Returns the total ever received for the payment. */
async function sumReceived({ desk }: SimulationRun, { id }: Payment): Promise<bigint> {
  const { came } = await desk.world.app.db.one<{ came: bigint }>(
    sql`select received + reversed as came from payments.intents where id = ${id}`,
  )
  return came
}

/** The payer opens the refund link and chooses a destination, sometimes in two windows. */
function claim(run: SimulationRun): Promise<string> {
  const { desk, random, refunds } = run
  const links = refunds.filter(({ secret }) => secret !== undefined)
  return withRandomElement(random, links, async ({ id, secret = '' }) => {
    const say = async (place: string, to: string): Promise<string> => {
      try {
        return (await desk.world.app.payments.refunds.claim({ id, secret, place, to })).status
      } catch (error) {
        await desk.restarted()
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

const cancelClaim = ({ random, refunds, requestUntilAnswered }: SimulationRun): Promise<string> =>
  withRandomElement(random, refunds, async ({ id, payment }) => {
    const { status } = await requestUntilAnswered(payment.shop, `/api/v1/refunds/${id}/cancel`, {})
    return String(status)
  })

/** Acts that refund money. */
export const refundActs = (run: SimulationRun): readonly Act[] => [
  { name: 'refund', weight: 20, faultProne: true, act: () => refund(run) },
  { name: 'refund-twice', weight: 10, act: () => refundConcurrently(run) },
  { name: 'claim', weight: 14, faultProne: true, act: () => claim(run) },
  { name: 'cancel-claim', weight: 1, act: () => cancelClaim(run) },
]
