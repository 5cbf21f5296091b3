import { pino, type Logger } from 'pino'
import { systemClock, type Clock } from '../base/clock.ts'
import { openOutput, type Output } from './log/output.ts'
import { scrubLine } from './log/scrub.ts'
import { serializers } from './log/serialize.ts'

/** A pino logger. Takes fields and a fixed message: `log.info({ paymentId }, 'payment created')`. Each module has a child logger. */
export type Log = Logger

export interface LogOptions {
  /** fatal, error, warn, info, debug, trace or silent. Default: info. */
  level?: string
  /** Folder of combined.log and error.log. Without it no files are written. */
  dir?: string
  /** Whether lines go to standard output, as short text on a terminal and otherwise as JSON. Default: true. */
  console?: boolean
  /** Value of the field `service`. Default: purser. */
  service?: string
  version?: string
  clock?: Clock
}

export interface RootLog extends Logger {
  /** Resolves when the operating system has received every line logged so far. */
  drain(): Promise<void>
  /** Drains and closes the log files. Later lines are lost. */
  close(): Promise<void>
}

/**
 * Creates the program's log: JSON lines, lower-case levels, ISO times. Lines are buffered for some milliseconds. An error flushes the
 * buffer at once, and an exit or crash of the process flushes the rest. Texts that look like secrets are removed (log/scrub.ts).
 */
export function createLog(options: LogOptions = {}): RootLog {
  const output = openOutput({ dir: options.dir, console: options.console !== false })
  return Object.assign(build(options, output), { drain: output.drain, close: output.close })
}

export interface MemoryLog extends Logger {
  readonly entries: readonly Readonly<Record<string, unknown>>[]
}

/** Creates a log that keeps its entries in memory, scrubbed like the log files. For tests. */
export function createMemoryLog(options: Pick<LogOptions, 'level' | 'clock'> = {}): MemoryLog {
  const entries: Record<string, unknown>[] = []
  const keep = { write: (line: string) => void entries.push(JSON.parse(line) as Record<string, unknown>) }
  return Object.assign(build({ level: 'trace', ...options }, { write: (line) => keep.write(scrubLine(line)) }), {
    entries,
  })
}

/** A log that writes nothing. For tests. */
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

/** Returns a timestamp function that reuses its text within a millisecond. */
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
