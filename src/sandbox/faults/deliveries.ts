import { addMs, type Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import { addTimer, type TimerHandler } from '../timers.ts'
import { takeFault } from './store.ts'

const REORDER_MS = 5000

/** Wraps the handler of a provider's deliveries so that they fail as planned. Only the first attempt fails; retries are sent normally. */
export const withFaults =
  (provider: string, deliver: TimerHandler, { db, clock, ids }: { db: Db; clock: Clock; ids: Ids }): TimerHandler =>
  async (timer) => {
    const fault = timer.tries === 1 ? await takeFault(db, provider, 'delivery') : undefined
    if (fault?.kind === 'lost-callback') return undefined
    if (fault?.kind === 'reorder') return addMs(clock.now(), REORDER_MS)
    if (fault?.kind === 'duplicate') {
      const { kind, subject, body } = timer
      await addTimer(db, ids, { kind, subject, body, dueAt: clock.now() })
    }
    return deliver(timer)
  }
