import { AppError } from '#platform/base/errors'
import { sql } from '#platform/database/db'
import type { Act, Life } from '../life.ts'

/**
 * Does what waits for a person: pays by hand, and looks up at the provider what nobody told. He writes into his own book before he says so here,
 * and says it again to a program that was killed meanwhile.
 */
export async function operate(life: Life): Promise<string> {
  const { desk, random, paidByHand } = life
  const { app } = desk.world
  const waiting = await app.payments.refunds.listWaiting(app.db)
  let done = 0
  for (const { refund } of waiting) {
    const isByHand = refund.rail === 'hand'
    if (isByHand && !paidByHand.has(refund.id) && random(4) > 0) paidByHand.set(refund.id, refund.amount.amount)
    const number = isByHand ? paidByHand.has(refund.id) && `FT${paidByHand.size}` : await findPayout(life, refund.id)
    const why = number ? '' : 'no money went'
    const told = { id: refund.id, sent: number ? { number } : undefined, why }
    if (await tell(life, told)) done += 1
  }
  return `${done} of ${waiting.length}`
}

/** False when he was cut off: then he looks again later. */
async function tell(
  { desk }: Life,
  told: { id: string; sent: { number: string } | undefined; why: string },
): Promise<boolean> {
  try {
    await desk.world.app.payments.refunds.resolve(told)
    return true
  } catch (error) {
    await desk.settled()
    if (error instanceof AppError && error.code !== 'payments.refund-over') throw error
    return false
  }
}

/** The number of the payment to a phone that the last sending led to. */
async function findPayout({ desk }: Life, refundId: string): Promise<string | undefined> {
  const { sending } = await desk.world.app.db.one<{ sending: number }>(
    sql`select sending from payments.refunds where id = ${refundId}`,
  )
  const payout = await desk.providers.owner.maybe<{ number: string }>(
    sql`select transaction_id as number from sandbox.payouts where id = ${`${refundId}-${sending}`} and result_code = '0'`,
  )
  return payout?.number
}

export const operatorActs = (life: Life): readonly Act[] => [{ name: 'operator', weight: 3, act: () => operate(life) }]
