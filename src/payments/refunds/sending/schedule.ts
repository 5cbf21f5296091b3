import { addMs } from '#platform/base/clock'
import { type Context, railOf } from '../../context.ts'
import type { RefundRow } from '../../store/refunds.ts'

const HOUR_MS = 60 * 60_000

/** When to ask the provider next. A refund is never given up: what nobody can tell waits for an operator. */
export function nextRefundCheckAt(
  context: Context,
  { rail, checks }: Pick<RefundRow, 'rail' | 'checks'>,
  now: Date,
): Date {
  const waits = railOf(context, rail ?? '')?.refund?.checkAfterMs ?? []
  return addMs(now, waits[Math.min(checks, waits.length - 1)] ?? HOUR_MS)
}
