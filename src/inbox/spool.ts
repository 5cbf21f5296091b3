import { waitMs } from '#platform/base/clock'
import { describeError } from '#platform/base/errors'
import { isDatabaseUnavailable, isRowRefused } from '#platform/database/db'
import { readSpoolFile } from './spool-file.ts'
import { createSpoolFiles, type SpoolFiles, type SpoolFilesDeps, type SpoolState } from './spool-files.ts'
import type { SpooledEvent } from './spool-records.ts'

export interface SpoolDeps extends SpoolFilesDeps {
  /** Inserts events into the database. Must be idempotent: after a failure the same events come again. */
  readonly insert: (events: readonly SpooledEvent[]) => Promise<unknown>
  /** Called with the number of waiting events whenever it may have changed. */
  readonly changed?: (events: number) => void
}

/** Keeps verified callbacks on disk while the database is away. */
export interface Spool {
  /** Resolves when the event is on disk. Throws 503 `unavailable` when the spool is full, or the disk refuses the write or is too slow. */
  add(event: SpooledEvent): Promise<void>
  /** Moves all events into the database. Returns false when events still wait, because the database could not store them now. */
  drain(): Promise<boolean>
  state(): SpoolState
  /**
   * Takes over the files of dead instances now and then, and drains while events wait. Resolves after the first time. Never throws.
   */
  start(): Promise<void>
  /** Tries to drain once more. The next start drains what remains. */
  stop(): Promise<void>
}

const MAX_INSERT = 32
const DRAIN_EVERY_MS = 1_000
/** Maximum time of the last drain before a stop. */
const STOP_LIMIT_MS = 2_000
/** Drains between two searches for files of dead instances. */
const ROUNDS_PER_SEARCH = 15

export function createSpool(deps: SpoolDeps): Spool {
  const { log } = deps
  const files = createSpoolFiles(deps)
  const seen = new Set<string>()
  let draining: Promise<boolean> | undefined
  let timer: NodeJS.Timeout | undefined
  let rounds = 0
  const report = (): void => deps.changed?.(files.state().events)
  const drainNow = async (): Promise<boolean> => {
    try {
      await drainFiles(files, deps)
      await files.complete()
      seen.clear()
      await drainFiles(files, deps)
      return true
    } catch (error) {
      // The health check reports what waits.
      if (!isDatabaseUnavailable(error)) log.error({ error: describeError(error) }, 'the spool could not be drained')
      return false
    }
  }
  const drain = (): Promise<boolean> => (draining ??= drainNow().finally(() => (draining = undefined)))
  const round = async (): Promise<void> => {
    try {
      if (rounds++ % ROUNDS_PER_SEARCH === 0) await files.adopt()
    } catch (error) {
      log.error({ error: describeError(error) }, 'the folder of the spool could not be searched')
    }
    if (!files.isEmpty()) await drain()
    report()
  }
  let running: Promise<void> | undefined
  const nextRound = (): Promise<void> => (running ??= round().finally(() => (running = undefined)))
  return {
    add: async (event) => {
      const name = `${event.rail} ${event.eventKey}`
      // A provider that repeats its callback during an outage must not fill the disk.
      if (seen.has(name)) return
      await files.add(event)
      seen.add(name)
      report()
    },
    drain,
    state: files.state,
    start: () => {
      timer = setInterval(() => void nextRound(), DRAIN_EVERY_MS)
      return nextRound()
    },
    stop: async () => {
      clearInterval(timer)
      const limit = new AbortController()
      if (!files.isEmpty()) await Promise.race([drain(), waitMs(STOP_LIMIT_MS, limit.signal)])
      limit.abort()
      await files.complete()
    },
  }
}

/** Drains the complete files, oldest first. A file is removed after the commit of its last event. */
async function drainFiles(files: SpoolFiles, { key, insert, log }: SpoolDeps): Promise<void> {
  for (let part = files.next(); part; part = files.next()) {
    const { events, unreadable } = await readSpoolFile(part.path, key)
    let refused = unreadable
    for (let i = 0; i < events.length; i += MAX_INSERT)
      refused += await insertBatch(events.slice(i, i + MAX_INSERT), { insert, log })
    await files.finish(part, refused)
    log.info({ events: events.length }, 'spooled callbacks were stored')
  }
}

/**
 * Inserts events. Returns the number that the database refuses: they must not block the others for ever. Throws every other error, so
 * that the file stays and is tried again.
 */
async function insertBatch(
  events: readonly SpooledEvent[],
  { insert, log }: Pick<SpoolDeps, 'insert' | 'log'>,
): Promise<number> {
  try {
    await insert(events)
    return 0
  } catch (error) {
    if (!isRowRefused(error)) throw error
    if (events.length === 1) {
      log.error({ error: describeError(error), event: events[0]?.eventKey }, 'the database refuses a spooled callback')
      return 1
    }
    let refused = 0
    for (const event of events) refused += await insertBatch([event], { insert, log })
    return refused
  }
}
