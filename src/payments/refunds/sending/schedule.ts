import { addMs } from '#platform/base/clock'
import { type Context, railOf } from '../../context.ts'
import type { RefundRow } from '../../store/refunds.ts'

const HOUR_MS = 60 * 60_000

/** Returns the time of the next poll. Polling never stops; a refund without an answer waits for an operator. */
export function nextRefundCheckAt(
  context: Context,
  { rail, checks }: Pick<RefundRow, 'rail' | 'checks'>,
  now: Date,
): Date {
  const waits = railOf(context, rail ?? '')?.refund?.checkAfterMs ?? []
  return addMs(now, waits[Math.min(checks, waits.length - 1)] ?? HOUR_MS)
}
