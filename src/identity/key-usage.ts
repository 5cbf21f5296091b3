import { describeError } from '#platform/base/errors'
import type { IdentityDeps } from './types.ts'
import { writeLastUsed } from './store/keys.ts'

const WRITE_EVERY_MS = 5_000

export interface KeyUsage {
  mark(keyId: string): void
  flush(): Promise<void>
  close(): Promise<void>
}

/** Collects the keys' times of last use and writes them every few seconds in one statement, so that requests do not write. */
export function createKeyUsage(
  { db, clock, log }: Pick<IdentityDeps, 'db' | 'clock' | 'log'>,
  everyMs = WRITE_EVERY_MS,
): KeyUsage {
  let used = new Map<string, Date>()
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const flush = async (): Promise<void> => {
    clearTimeout(timer)
    timer = undefined
    if (used.size === 0) return
    const batch = used
    used = new Map()
    await writeLastUsed(db, batch)
  }
  const flushLater = (): void => {
    timer = setTimeout(() => {
      flush().catch((error: unknown) =>
        log.warn({ why: describeError(error) }, 'cannot write the last use of API keys'),
      )
    }, everyMs)
    timer.unref()
  }
  return {
    mark: (keyId) => {
      used.set(keyId, clock.now())
      if (!timer && !closed) flushLater()
    },
    flush,
    close: () => {
      closed = true
      return flush()
    },
  }
}
