import { attemptOf } from './attempt-store.ts'
import { openAttempt, requireRate, submit } from './attempts.ts'
import type { Core } from './core.ts'
import { pageOpen } from './errors.ts'
import type { Attempt, StartAttempt } from './face.ts'
import { closePage } from './polling.ts'

/**
 * See Payments.startAttempt. Open pages of other attempts are closed at their providers between two transactions; the second one reads again what
 * the providers said, so a page that was paid meanwhile ends the start.
 */
export async function startAttempt(core: Core, input: StartAttempt): Promise<Attempt> {
  await requireRate(core, input)
  const open = () => core.db.transaction((tx) => openAttempt(tx, core, input))
  let opened = await open()
  if ('rivals' in opened) {
    for (const rival of opened.rivals) await closePage(core, rival)
    opened = await open()
    if ('rivals' in opened) throw pageOpen(opened.rivals[0]?.method ?? '')
  }
  const attempt = opened.again ? opened.attempt : await submit(core, opened.attempt)
  if (!opened.again && attempt.kind === 'address') await core.wakeWatch(attempt.rail)
  return attemptOf(attempt)
}
