import { pino, type Logger } from 'pino'
import { systemClock, type Clock } from '../base/clock.ts'
import { openOutput, type Output } from './log/output.ts'
import { scrubLine } from './log/scrub.ts'
import { serializers } from './log/serialize.ts'

/** Log objects and a fixed message: `log.info({ paymentId }, 'payment created')`. A child per module. */
export type Log = Logger

export interface LogOptions {
  /** fatal, error, warn, info, debug, trace or silent; info by default. */
  level?: string
  /** Folder of combined.log and error.log; no files without it. */
  dir?: string
  /** Whether lines go to standard output, as short text on a terminal and as JSON elsewhere. On by default. */
  console?: boolean
  /** `service` of every line; purser by default. */
  service?: string
  version?: string
  clock?: Clock
}

export interface RootLog extends Logger {
  /** Resolves when every line written so far is with the operating system. */
  drain(): Promise<void>
  /** Drains and closes the files. Later lines are lost. */
  close(): Promise<void>
}

/**
 * The program's log: JSON lines, lower-case levels, ISO times. Lines are gathered for some milliseconds, but an error goes out at once,
 * and what is left goes out when the process exits or crashes. Nothing that looks like a secret leaves (log/scrub.ts).
 */
export function createLog(options: LogOptions = {}): RootLog {
  const output = openOutput({ dir: options.dir, console: options.console !== false })
  return Object.assign(build(options, output), { drain: output.drain, close: output.close })
}

export interface MemoryLog extends Logger {
  readonly entries: readonly Readonly<Record<string, unknown>>[]
}

/** Keeps its entries, scrubbed as the files would have them. For tests. */
export function memoryLog(options: Pick<LogOptions, 'level' | 'clock'> = {}): MemoryLog {
  const entries: Record<string, unknown>[] = []
  const keep = { write: (line: string) => void entries.push(JSON.parse(line) as Record<string, unknown>) }
  return Object.assign(build({ level: 'trace', ...options }, { write: (line) => keep.write(scrubLine(line)) }), {
    entries,
  })
}

/** Says nothing. For tests. */
export const silentLog: Log = pino({ enabled: false })

function build(options: LogOptions, output: Pick<Output, 'write'>): Logger {
  const clock = options.clock ?? systemClock
  return pino(
    {
      level: options.level ?? 'info',
      messageKey: 'message',
      errorKey: 'error',
      base: { service: options.service ?? 'purser', version: options.version },
      timestamp: isoTimestamp(clock),
      formatters: { level: (label) => ({ level: label }) },
      serializers,
    },
    output,
  )
}

/** The text of a time is kept while the millisecond lasts. */
function isoTimestamp(clock: Clock): () => string {
  let lastMs = Number.NaN
  let text = ''
  return () => {
    const now = clock.now()
    if (now.getTime() !== lastMs) {
      lastMs = now.getTime()
      text = `,"timestamp":"${now.toISOString()}"`
    }
    return text
  }
}
