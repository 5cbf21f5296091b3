import { addMs } from '#platform/base/clock'
import { describeError } from '#platform/base/errors'
import type { Context } from '../context.ts'
import { isLive } from '../intents/state.ts'
import type { AttemptRow } from '../store/attempts.ts'
import { listUnanswered, storeAnswered, storeUnanswered } from '../store/queries.ts'

/** Time without an answer after which a rail counts as silent. */
const SILENT_MS = 60_000
/** Time after the last failed query for which a rail stays silent: later nothing is known, because nothing was asked. */
const KNOWN_MS = 15 * 60_000
/** Minimum time between two equal records of one process. Another process may have recorded the opposite meanwhile. */
const REPEAT_MS = 10_000

interface Last {
  readonly answered: boolean
  readonly atMs: number
}

const records = new WeakMap<Context, Map<string, Last>>()

/**
 * Records whether a provider answered a query about an attempt that it knows. Health of every instance reads it: a worker whose queries all fail polls in time, so the
 * age of its work says nothing. Never throws, because the query itself has succeeded or failed already.
 */
export async function recordAnswer(
  context: Context,
  { rail, reference, state }: Pick<AttemptRow, 'rail' | 'reference' | 'state'>,
  answered: boolean,
): Promise<void> {
  // The provider may not know an attempt whose answer was lost or that was given up.
  if (!answered && (reference === null || !isLive(state))) return
  const now = context.clock.now()
  const mine = records.get(context) ?? new Map<string, Last>()
  records.set(context, mine)
  const last = mine.get(rail)
  if (last?.answered === answered && now.getTime() - last.atMs < REPEAT_MS) return
  mine.set(rail, { answered, atMs: now.getTime() })
  try {
    if (answered) await storeAnswered(context.db, rail)
    else await storeUnanswered(context.db, rail, now)
  } catch (error) {
    mine.delete(rail)
    context.log.warn({ rail, error: describeError(error) }, 'the state of a rail could not be recorded')
  }
}

/** Lists rails whose provider has not answered a query for a minute, each with the time since when. */
export async function listSilentRails({ db, clock }: Context): Promise<string[]> {
  const now = clock.now()
  const rows = await listUnanswered(db, addMs(now, -SILENT_MS), addMs(now, -KNOWN_MS))
  return rows.map(({ rail, since }) => `${rail}: no query is answered since ${since.toISOString()}`)
}
