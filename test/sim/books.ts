import { sql } from '#platform/database/db'
import type { Desk } from './desk.ts'
import type { Act, Life, Payment } from './life.ts'

/** What a rail adds to a life: what payers and others do with it, and its provider's own books. */
export interface SimRail {
  /** As receipts name it. */
  readonly name: string
  /** As payers choose it. */
  readonly method: string
  /** A payer comes and pays, as far as the weather lets him. Says how it went. */
  pay(life: Life, payment: Payment): Promise<string>
  acts(life: Life): readonly Act[]
  /** Each arrival of money, as the provider keeps it. */
  took(desk: Desk, life: Pick<Life, 'bank'>): Promise<Told[]>
  /** Each refund of ours that the provider has made, as it stands in the end. */
  gave?(desk: Desk): Promise<Given[]>
  /** What else must be. Sentences on what is not. */
  differences?(desk: Desk): Promise<string[]>
}

export interface Told {
  readonly id: string
  /** What people see of it; the same money may be known here by this alone. */
  readonly number: string | null
  /** In minor units of what arrived. */
  readonly amount: bigint
}

export interface Given {
  /** `re_…` */
  readonly refundId: string
  readonly amount: bigint
}

interface Ours extends Told {
  readonly receipt: string
}

interface Case {
  readonly rail: string
  /** Our receipt, or the provider's line. */
  readonly subject: string
  readonly theirs: bigint | null
}

/** The providers' books beside ours: what they took is what we counted, or an open case tells a person of the difference. */
export async function compareTaken(life: Pick<Life, 'desk' | 'bank'>, rail: SimRail): Promise<string[]> {
  const { desk } = life
  const { db } = desk.world.app
  // What came back after it had been given back or disputed is no arrival. What the chain took back is none any more.
  const ours = await db.many<Ours>(sql`select r.id as receipt, split_part(r.provider_id, ':again:', 1) as id, s.number,
      case when r.asset = i.asset then s.counted else r.gross end as amount
    from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id join payments.intents i on i.id = r.intent_id
    where r.rail = ${rail.name} and r.provider_id !~ ':(returned|won)$' and not exists (
      select from payments.receipt_entries e where e.receipt_id = r.id and e.kind = 'reversal' and e.provider_id ~ ':gone:\\d+$')`)
  const cases = await db.many<Case>(
    sql`select rail, subject, theirs from cases.cases where state = 'open' and rail = ${rail.name}`,
  )
  const left = new Set(ours)
  const problems = (await rail.took(desk, life)).flatMap(({ id, number, amount }) => {
    const here = [...left].find((one) => one.id === id || (number !== null && one.number === number))
    if (!here) {
      const isTold = cases.some(({ subject, theirs }) => subject === (number ?? id) && theirs === amount)
      return isTold ? [] : [`${rail.name}: ${id} of ${amount} is missing here`]
    }
    left.delete(here)
    const isTold = here.amount === amount || cases.some(({ subject }) => subject === here.receipt)
    return isTold ? [] : [`${rail.name}: ${id} is ${amount} there and ${here.amount} here`]
  })
  return problems.concat([...left].map(({ id, amount }) => `${rail.name}: ${id} of ${amount} was never paid there`))
}

interface OurRefund {
  readonly id: string
  readonly amount: bigint
  readonly state: string
  readonly booked: bigint
}

/** Each refund went out once, for its amount, if and only if it succeeded, and the books say so. */
export async function compareGiven(life: Life, rails: readonly SimRail[]): Promise<string[]> {
  const { desk, paidByHand } = life
  const given = [...paidByHand].map(([refundId, amount]): Given => ({ refundId, amount }))
  for (const rail of rails) given.push(...((await rail.gave?.(desk)) ?? []))
  const refunds = await desk.world.app.db.many<OurRefund>(sql`select f.id, f.amount, f.state,
      coalesce((select sum(e.amount) from payments.receipt_entries e where e.reason = 'refund ' || f.id), 0) as booked
    from payments.refunds f where f.origin = 'merchant'`)
  const known = new Set(refunds.map(({ id }) => id))
  const strange = given.filter(({ refundId }) => !known.has(refundId))
  return [
    ...strange.map(({ refundId }) => `${refundId} was given back and is not here`),
    ...refunds.flatMap((refund) => {
      const went = given.filter(({ refundId }) => refundId === refund.id)
      const sum = went.reduce((all, { amount }) => all + amount, 0n)
      const should = refund.state === 'succeeded' ? refund.amount : 0n
      const about = `refund ${refund.id} of ${refund.amount} is ${refund.state}`
      return [
        ...(went.length > 1 ? [`${about}: it went out ${went.length} times`] : []),
        ...(sum === should ? [] : [`${about}: ${sum} went out`]),
        ...(refund.booked === should || isReturned(refund) ? [] : [`${about}: ${refund.booked} of it is booked`]),
      ]
    }),
  ]
}

/** It came back after it had gone out: what was booked was booked back. */
const isReturned = ({ state, booked, amount }: OurRefund): boolean => state === 'failed' && booked === amount

/** What was asked of a provider that does it each time it is asked. */
export const askedTwice = ({ outward }: Desk): string[] =>
  [...outward.asked].filter(([, times]) => times > 1).map(([effect, times]) => `${effect} was asked for ${times} times`)

/** Each asset's balances together are nothing. */
export async function unbalanced({ world }: Desk): Promise<string[]> {
  const totals = await world.app.ledger.trialBalance(world.app.db)
  return totals.filter(({ total }) => total !== 0n).map(({ asset, total }) => `${asset} adds up to ${total}`)
}
