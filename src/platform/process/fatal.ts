import { AppError } from '../base/errors.ts'
import type { Log } from '../observe/log.ts'

const LOCK_LOST = 'PostgreSQL has stopped, or another process took over the data folder. This process stops at once.'

/** Creates the callbacks for what a process must not survive: it prints one line and exits with 1, without a drain. */
export function createFatal(log: Log): { onLockLost(): void; onRefused(error: unknown): void } {
  const stopAtOnce = (line: string): never => {
    log.fatal(line)
    process.stderr.write(`${line}\n`)
    process.exit(1)
  }
  return {
    onLockLost: () => stopAtOnce(LOCK_LOST),
    // A database that cannot be reached refuses nothing: the next heartbeat checks again.
    onRefused: (error) => {
      if (error instanceof AppError && REFUSALS.includes(error.code)) stopAtOnce(error.message)
      throw error
    },
  }
}

const REFUSALS: readonly string[] = ['platform.schema-newer', 'platform.migration-changed']
