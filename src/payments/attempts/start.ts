import { openAttempt, requireRate, submit } from './attempts.ts'
import type { Context } from '../context.ts'
import { pageOpen } from '../errors.ts'
import { toAttempt } from '../store/attempts.ts'
import { closePage } from './polling.ts'
import type { Attempt, StartAttempt } from './types.ts'

/**
 * See Payments.startAttempt. Closes open pages of other attempts at their providers between two transactions. The
 * second transaction reads the providers' answers, so a page that was paid in the meantime stops the start.
 */
export async function startAttempt(context: Context, input: StartAttempt): Promise<Attempt> {
  await requireRate(context, input)
  const open = () => context.db.transaction((tx) => openAttempt(tx, context, input))
  let opened = await open()
  if ('rivals' in opened) {
    for (const rival of opened.rivals) await closePage(context, rival)
    opened = await open()
    if ('rivals' in opened) throw pageOpen(opened.rivals[0]?.method ?? '')
  }
  const attempt = opened.again ? opened.attempt : await submit(context, opened.attempt)
  if (!opened.again && attempt.kind === 'address') await context.wakeWatch(attempt.rail)
  return toAttempt(attempt)
}
