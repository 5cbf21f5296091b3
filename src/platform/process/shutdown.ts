import { monotonicMs } from '../base/clock.ts'
import type { Sources } from '../environment/config.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const LOOK_MS = 500
const ECHO_MS = 1_000

/**
 * Resolves with the reason when this process is asked to end. npm passes on a Ctrl-C that the terminal has sent us already, so a signal
 * that comes at once after the first is the same one; a later one means that somebody does not want to wait: the process ends as it is,
 * and what was under way is found by the next start. Call once, first of all.
 */
export function waitForShutdown({ env }: Pick<Sources, 'env'>): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let firstMs: number | undefined
  for (const signal of SIGNALS)
    process.on(signal, () => {
      firstMs ??= monotonicMs()
      if (monotonicMs() - firstMs > ECHO_MS) {
        process.stderr.write('Ended at once. The next start finds what was under way.\n')
        process.exit(1)
      }
      resolve(signal)
    })
  if (process.connected) watchLauncher(resolve)
  // npm runs us in a shell, and a signal that npm alone is sent ends npm and that shell, but never reaches us.
  else if (env['npm_lifecycle_event'] !== undefined && process.platform !== 'win32') watchParent(resolve)
  return promise
}

/** bin/launch.js closes its channel when npm above it has ended. The kernel closes it when the launcher is killed. */
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
  }, LOOK_MS)
  timer.unref()
}
