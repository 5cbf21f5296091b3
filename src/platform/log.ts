import { pino, type Logger } from 'pino'
import { systemClock, type Clock } from './clock.ts'

/** Log objects and a fixed message: `log.info({ paymentId }, 'payment created')`. A child per module. */
export type Log = Logger

export interface LogOptions {
  level?: string
  /** Folder of combined.log and error.log; no files without it. */
  dir?: string
  /** Whether lines go to standard output. */
  console?: boolean
  service?: string
  version?: string
  clock?: Clock
}

export function createLog(options: LogOptions = {}): Log & { close(): Promise<void> } {
  const clock = options.clock ?? systemClock
  const log = pino({
    level: options.level ?? 'info',
    messageKey: 'message',
    base: { service: options.service ?? 'purser', version: options.version },
    timestamp: () => `,"timestamp":"${clock.now().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
    enabled: options.console !== false,
  })
  return Object.assign(log, { close: () => Promise.resolve() })
}

/** Says nothing. For tests. */
export const silentLog: Log = pino({ enabled: false })
