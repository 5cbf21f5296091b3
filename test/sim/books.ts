import { sql } from '#platform/database/db'
import type { Desk } from './desk.ts'
import type { Act, SimulationRun, Payment } from './context.ts'

/** A rail in the simulation: its acts, and the books of its provider. */
export interface SimRail {
  /** Rail name as in receipts. */
  readonly name: string
  /** Payment method as in the API. */
  readonly method: string
  /** A payer pays, as far as the faults allow. Returns the result as text. */
  pay(run: SimulationRun, payment: Payment): Promise<string>
  acts(run: SimulationRun): readonly Act[]
  /** Lists the provider's receipts. */
  listReceipts(desk: Desk, run: Pick<SimulationRun, 'bank'>): Promise<ProviderReceipt[]>
  /** Lists the refunds by Purser that the provider executed. */
  listRefunds?(desk: Desk): Promise<ProviderRefund[]>
  /** Checks further conditions. Returns one sentence per violation. */
  listDifferences?(desk: Desk): Promise<string[]>
}

export interface ProviderReceipt {
  readonly id: string
  /** Receipt number that people see. Some Purser receipts match by it alone. */
  readonly number: string | null
  /** Minor units of the received asset. */
  readonly amount: bigint
}

export interface ProviderRefund {
  /** `re_…` */
  readonly refundId: string
  readonly amount: bigint
}

interface PurserReceipt extends ProviderReceipt {
  readonly receipt: string
}

interface Case {
  readonly rail: string
  /** Purser's receipt, or the provider's statement line. */
  readonly subject: string
  readonly theirs: bigint | null
}

/** Compares the provider's receipts with Purser's. Each must match, or an open case must report the difference. */
export async function compareReceipts(run: Pick<SimulationRun, 'desk' | 'bank'>, rail: SimRail): Promise<string[]> {
  const { desk } = run
  const { db } = desk.world.app
  // Money that returned after a refund or dispute is not a new receipt. Reorged receipts no longer count.
  const ours =
    await db.many<PurserReceipt>(sql`select r.id as receipt, split_part(r.provider_id, ':again:', 1) as id, s.number,
      case when r.asset = i.asset then s.counted else r.gross end as amount
    from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id join payments.intents i on i.id = r.intent_id
    where r.rail = ${rail.name} and r.provider_id !~ ':(returned|won)$' and not exists (
      select from payments.receipt_entries e where e.receipt_id = r.id and e.kind = 'reversal' and e.provider_id ~ ':gone:\\d+$')`)
  const cases = await db.many<Case>(
    sql`select rail, subject, theirs from cases.cases where state = 'open' and rail = ${rail.name}`,
  )
  const left = new Set(ours)
  const problems = (await rail.listReceipts(desk, run)).flatMap(({ id, number, amount }) => {
    const here = [...left].find((one) => one.id === id || (number !== null && one.number === number))
    if (!here) {
      const isReported = cases.some(({ subject, theirs }) => subject === (number ?? id) && theirs === amount)
      return isReported ? [] : [`${rail.name}: ${id} of ${amount} is missing here`]
    }
    left.delete(here)
    const isReported = here.amount === amount || cases.some(({ subject }) => subject === here.receipt)
    return isReported ? [] : [`${rail.name}: ${id} is ${amount} there and ${here.amount} here`]
  })
  return problems.concat([...left].map(({ id, amount }) => `${rail.name}: ${id} of ${amount} was never paid there`))
}

interface PurserRefund {
  readonly id: string
  readonly amount: bigint
  readonly state: string
  readonly booked: bigint
}

/** Checks that each refund was sent once, for its amount, only if it succeeded, and that the books agree. */
export async function compareRefunds(run: SimulationRun, rails: readonly SimRail[]): Promise<string[]> {
  const { desk, paidManually } = run
  const given = [...paidManually].map(([refundId, amount]): ProviderRefund => ({ refundId, amount }))
  for (const rail of rails) given.push(...((await rail.listRefunds?.(desk)) ?? []))
  const refunds = await desk.world.app.db.many<PurserRefund>(sql`select f.id, f.amount, f.state,
      coalesce((select sum(e.amount) from payments.receipt_entries e where e.reason = 'refund ' || f.id), 0) as booked
    from payments.refunds f where f.origin = 'merchant'`)
  const known = new Set(refunds.map(({ id }) => id))
  const strange = given.filter(({ refundId }) => !known.has(refundId))
  return [
    ...strange.map(({ refundId }) => `${refundId} was refunded by a provider but is unknown to Purser`),
    ...refunds.flatMap((refund) => {
      const went = given.filter(({ refundId }) => refundId === refund.id)
      const sum = went.reduce((all, { amount }) => all + amount, 0n)
      const should = refund.state === 'succeeded' ? refund.amount : 0n
      const about = `refund ${refund.id} of ${refund.amount} is ${refund.state}`
      return [
        ...(went.length > 1 ? [`${about}: it was sent ${went.length} times`] : []),
        ...(sum === should ? [] : [`${about}: ${sum} was sent`]),
        ...(refund.booked === should || isReturned(refund) ? [] : [`${about}: ${refund.booked} of it is booked`]),
      ]
    }),
  ]
}

/** Whether a sent refund was returned and its booking reversed. */
const isReturned = ({ state, booked, amount }: PurserRefund): boolean => state === 'failed' && booked === amount

/** Returns one sentence per effect that was requested more than once. */
export const listRepeatedEffects = ({ outward }: Desk): string[] =>
  [...outward.effects]
    .filter(([, times]) => times > 1)
    .map(([effect, times]) => `${effect} was requested ${times} times`)

/** Returns assets whose balances do not sum to zero. */
export async function listUnbalancedAssets({ world }: Desk): Promise<string[]> {
  const totals = await world.app.ledger.trialBalance(world.app.db)
  return totals.filter(({ total }) => total !== 0n).map(({ asset, total }) => `${asset} adds up to ${total}`)
}
