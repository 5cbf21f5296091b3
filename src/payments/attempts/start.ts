import { openAttempt, requireRate, submit } from './attempts.ts'
import type { Context } from '../context.ts'
import { pageOpen } from '../errors.ts'
import { type AttemptRow, ATTEMPTS, toAttempt } from '../store/attempts.ts'
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
  const attempt = opened.again ? opened.attempt : await submitOrGiveBack(context, opened.attempt)
  if (!opened.again && attempt.kind === 'address') await context.wakeWatch(attempt.rail)
  return toAttempt(attempt)
}

/** Submits an attempt. After an error of Purser the queue takes it over. */
async function submitOrGiveBack(context: Context, attempt: AttemptRow): Promise<AttemptRow> {
  try {
    return await submit(context, attempt)
  } catch (error) {
    context.jobs().giveBack(ATTEMPTS, attempt)
    throw error
  }
}
