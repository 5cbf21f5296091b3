import { monotonicMs } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import type { Sources } from '../environment/config.ts'
import type { Log } from '../observe/log.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const PARENT_POLL_MS = 500
/** Time in which a repeated signal counts as the first one. */
const REPEAT_MS = 1_000

/**
 * Resolves with the reason when this process should stop. npm forwards a Ctrl-C that the terminal already sent to this process, so a
 * second signal within a second counts as the same one. A later signal exits at once; the next start recovers the unfinished work. Call
 * it once, before anything else.
 */
export function waitForShutdown({ env }: Pick<Sources, 'env'>): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let firstMs: number | undefined
  for (const signal of SIGNALS)
    process.on(signal, () => {
      firstMs ??= monotonicMs()
      if (monotonicMs() - firstMs > REPEAT_MS) {
        process.stderr.write('Stopped without waiting. The next start recovers unfinished work.\n')
        process.exit(1)
      }
      resolve(signal)
    })
  if (process.connected) watchLauncher(resolve)
  // npm runs this process in a shell. A signal to npm alone ends npm and that shell, but does not reach this process.
  else if (env['npm_lifecycle_event'] !== undefined && process.platform !== 'win32') watchParent(resolve)
  return promise
}

/** Resolves when the IPC channel of bin/launch.js closes. The launcher closes it after npm ended, the kernel after a kill. */
function watchLauncher(resolve: (reason: string) => void): void {
  process.once('disconnect', () => resolve('the launcher has ended'))
  process.channel?.unref()
}

function watchParent(resolve: (reason: string) => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    resolve('npm has ended')
  }, PARENT_POLL_MS)
  timer.unref()
}

const LOCK_LOST = 'PostgreSQL has stopped, or another process took over the data folder. This process stops at once.'

/** Ends this process after it lost the owner lock of the data folder. It must not write any more. */
export const exitAfterLockLost = (log: Log): never => exitAtOnce(log, LOCK_LOST)

const REFUSALS: readonly string[] = ['platform.schema-newer', 'platform.migration-changed']

/** Returns a callback that ends this process when the schema no longer has what its version needs. Throws every other error. */
export const exitWhenRefused =
  (log: Log) =>
  (error: unknown): never => {
    // A database that cannot be reached refuses nothing: the next heartbeat checks again.
    if (error instanceof AppError && REFUSALS.includes(error.code)) exitAtOnce(log, error.message)
    throw error
  }

function exitAtOnce(log: Log, line: string): never {
  log.fatal(line)
  process.stderr.write(`${line}\n`)
  process.exit(1)
}
