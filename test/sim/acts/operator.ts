import { AppError } from '#platform/base/errors'
import { sql } from '#platform/database/db'
import type { Act, SimulationRun } from '../context.ts'

/**
 * Does the operator's work: pays manual refunds, and looks up refunds with an unknown result at the provider. The operator records each
 * payment in a separate book first, and reports it again to a program that was killed meanwhile.
 */
export async function operate(run: SimulationRun): Promise<string> {
  const { desk, random, paidManually } = run
  const { app } = desk.world
  const waiting = await app.payments.refunds.listWaiting(app.db)
  let done = 0
  for (const { refund } of waiting) {
    const isManual = refund.rail === 'hand'
    if (isManual && !paidManually.has(refund.id) && random(4) > 0) paidManually.set(refund.id, refund.amount.amount)
    const number = isManual ? paidManually.has(refund.id) && `FT${paidManually.size}` : await findPayout(run, refund.id)
    const why = number ? '' : 'no money went'
    const result = { id: refund.id, sent: number ? { number } : undefined, why }
    if (await reportResult(run, result)) done += 1
  }
  return `${done} of ${waiting.length}`
}

/** Reports the result. Returns false when the program was killed meanwhile; the operator tries again later. */
async function reportResult(
  { desk }: SimulationRun,
  result: { id: string; sent: { number: string } | undefined; why: string },
): Promise<boolean> {
  try {
    await desk.world.app.payments.refunds.resolve(result)
    return true
  } catch (error) {
    await desk.restarted()
    if (error instanceof AppError && error.code !== 'payments.refund-over') throw error
    return false
  }
}

/** Finds the receipt number of the payout that the last sending created. */
async function findPayout({ desk }: SimulationRun, refundId: string): Promise<string | undefined> {
  const { sending } = await desk.world.app.db.one<{ sending: number }>(
    sql`select sending from payments.refunds where id = ${refundId}`,
  )
  const payout = await desk.providers.owner.maybe<{ number: string }>(
    sql`select transaction_id as number from sandbox.payouts where id = ${`${refundId}-${sending}`} and result_code = '0'`,
  )
  return payout?.number
}

export const operatorActs = (run: SimulationRun): readonly Act[] => [
  { name: 'operator', weight: 3, act: () => operate(run) },
]
