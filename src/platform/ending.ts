import type { Sources } from './config.ts'

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
const LOOK_MS = 500

/**
 * Resolves with the reason when this process is asked to end. From then on further signals are ignored: npm passes on a Ctrl-C that the
 * terminal has sent us already, and the second must not cut the drain that the first has begun. Call once, first of all.
 */
export function whenAsked({ env }: Pick<Sources, 'env'>): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  for (const signal of SIGNALS) process.on(signal, () => resolve(signal))
  // npm runs us in a shell, and a signal that npm alone is sent ends npm and that shell, but never reaches us.
  if (env['npm_lifecycle_event'] !== undefined && process.platform !== 'win32') watchParent(resolve)
  return promise
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
