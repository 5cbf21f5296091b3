import { createBatcher } from '#platform/base/batch'
import type { Clock } from '#platform/base/clock'
import { AppError, describeError } from '#platform/base/errors'
import type { Log } from '#platform/observe/log'
import {
  countAside,
  createSpoolFile,
  FileMoved,
  readSpoolFile,
  removeFile,
  setAside,
  type SpoolWriter,
  takeOver,
} from './spool-file.ts'
import { sizeOfEvent, type SpooledEvent } from './spool-records.ts'

export interface SpoolFilesDeps {
  /** Folder of the files, one or two for each instance. It must survive the process: the callbacks in it were acknowledged. */
  readonly folder: string
  /** 32 bytes. */
  readonly key: Buffer
  readonly clock: Clock
  readonly log: Log
  /** Maximum size of this instance's files. Default: 64 MB. */
  readonly maxBytes?: number
  /** Maximum number of events in them. Default: 50,000. */
  readonly maxRecords?: number
}

export interface SpoolState {
  readonly events: number
  /** Age of the oldest event, in seconds. */
  readonly oldestSeconds: number
  /** Files that were set aside, because records in them are damaged, need another master key, or are refused by the database. */
  readonly unreadableFiles: number
}

/** A file that waits for the database. */
export interface SpoolPart {
  readonly path: string
  readonly bytes: number
  readonly records: number
  readonly oldestAt: Date | undefined
}

const MAX_BYTES = 64 * 1024 * 1024
const MAX_RECORDS = 50_000
const FULL_RETRY_SECONDS = 30
/** Events that share one write to disk. */
const MAX_APPEND = 256
/** Maximum size of the events that wait for a slow disk, in bytes. */
const MAX_WAITING = 16 * 1024 * 1024

export type SpoolFiles = ReturnType<typeof createSpoolFiles>

/** Creates the spool files of this instance: one that grows, and complete ones that wait for the database. */
export function createSpoolFiles(deps: SpoolFilesDeps) {
  const { folder, key, clock, log } = deps
  const { maxBytes = MAX_BYTES, maxRecords = MAX_RECORDS } = deps
  const parts: SpoolPart[] = []
  const growing = createGrowingFile(deps)
  let unreadableFiles = 0
  const inTurn = createTurns()
  const all = (): SpoolPart[] => [...parts, ...growing.part()]
  const total = (of: 'bytes' | 'records'): number => all().reduce((sum, each) => sum + each[of], 0)
  const append = async (events: readonly SpooledEvent[]): Promise<undefined[]> => {
    const size = events.reduce((sum, { raw }) => sum + raw.length, 0)
    if (total('records') + events.length > maxRecords || total('bytes') + size > maxBytes) throw spoolFull()
    await growing.append(events).catch((error: unknown) => {
      throw cannotWrite(log, error)
    })
    return events.map(() => undefined)
  }
  const adopt = async (): Promise<void> => {
    for (const path of await takeOver(folder, new Set(all().map((each) => each.path)))) {
      const { events, bytes } = await readSpoolFile(path, key)
      parts.push({ path, bytes, records: events.length, oldestAt: events[0]?.receivedAt })
      log.info({ events: events.length }, 'spooled callbacks of an instance that has ended were taken over')
    }
    unreadableFiles = await countAside(folder)
  }
  return {
    /** Resolves when the event is on disk. Throws 503 `unavailable` when the spool is full, or the disk refuses the write or is too slow. */
    add: createBatcher((events: readonly SpooledEvent[]) => inTurn(() => append(events)), {
      ...{ maxItems: MAX_APPEND, maxWaiting: MAX_WAITING, sizeOf: sizeOfEvent },
    }),
    /** Completes the growing file. New events go to another one. */
    complete: () => inTurn(async () => void parts.push(...(await growing.complete()))),
    /** Takes over the files of instances that have ended. */
    adopt: () => inTurn(adopt),
    /** Returns the complete file to drain next. */
    next: (): SpoolPart | undefined => parts[0],
    /** Removes a drained file, or sets it aside when records in it could not be stored. */
    finish: async (part: SpoolPart, unreadable: number): Promise<void> => {
      if (unreadable > 0) {
        await setAside(part.path)
        unreadableFiles++
        const about = { unreadable, file: part.path }
        const problem = 'a spool file holds callbacks that cannot be read or stored: it is set aside as .unreadable'
        log.error(about, `${problem}. Remove the cause, then rename the file to .spool`)
      } else await removeFile(part.path)
      parts.splice(parts.indexOf(part), 1)
    },
    state: (): SpoolState => {
      const times = all().flatMap(({ oldestAt }) => (oldestAt ? [oldestAt.getTime()] : []))
      const ageMs = times.length > 0 ? clock.now().getTime() - Math.min(...times) : 0
      return { events: total('records'), oldestSeconds: Math.max(0, Math.round(ageMs / 1000)), unreadableFiles }
    },
    isEmpty: () => all().length === 0,
  }
}

/** Creates the file that new events go to. It exists on disk from the first event on. */
function createGrowingFile({ folder, key }: SpoolFilesDeps) {
  let writer: SpoolWriter | undefined
  const part = (): SpoolPart[] => (writer ? [writer] : [])
  return {
    part,
    append: async (events: readonly SpooledEvent[]): Promise<void> => {
      for (;;) {
        writer ??= await createSpoolFile(folder, key)
        try {
          return await writer.append(events)
        } catch (error) {
          if (!(error instanceof FileMoved)) throw error
          await writer.close()
          writer = undefined
        }
      }
    },
    /** Closes the file and returns it. The next event creates another one. */
    complete: async (): Promise<SpoolPart[]> => {
      const done = part().map(({ path, bytes, records, oldestAt }) => ({ path, bytes, records, oldestAt }))
      const closing = writer
      writer = undefined
      await closing?.close()
      return done
    },
  }
}

/** Returns a function that runs its arguments one after the other. */
function createTurns(): <T>(act: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (act) => {
    const mine = last.then(act, act)
    last = mine.catch(() => undefined)
    return mine
  }
}

const spoolFull = (): AppError =>
  new AppError('unavailable', 503, 'Purser cannot reach its database and keeps no more callbacks. Try again soon.', {
    retryAfterSeconds: FULL_RETRY_SECONDS,
  })

function cannotWrite(log: Log, error: unknown): AppError {
  log.error({ error: describeError(error) }, 'a callback could not be spooled: check the free space of DATA_DIR')
  return new AppError(
    'unavailable',
    503,
    'Purser cannot reach its database and cannot write to its disk. Try again soon.',
    {
      retryAfterSeconds: FULL_RETRY_SECONDS,
      cause: error,
    },
  )
}
