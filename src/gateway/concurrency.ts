/** Limits concurrent work per key (address or merchant), so that one key cannot use all slots. */
export interface ConcurrencyLimit {
  /** Takes a slot and returns its release function (repeatable); undefined if the key is at its limit. */
  take(key: string): (() => void) | undefined
}

export function createConcurrencyLimit(most: number): ConcurrencyLimit {
  const taken = new Map<string, number>()
  const release = (key: string): void => {
    const left = (taken.get(key) ?? 1) - 1
    if (left > 0) taken.set(key, left)
    else taken.delete(key)
  }
  return {
    take: (key) => {
      const count = taken.get(key) ?? 0
      if (count >= most) return undefined
      taken.set(key, count + 1)
      let isReleased = false
      return () => {
        if (!isReleased) release(key)
        isReleased = true
      }
    },
  }
}

/** Runs `act` once a permit is available; further calls wait in order. */
export type Semaphore = <T>(act: () => Promise<T>) => Promise<T>

export function createSemaphore(most: number): Semaphore {
  const waiting: (() => void)[] = []
  let available = most
  return async (act) => {
    if (available > 0) available--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await act()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else available++
    }
  }
}

/** Holds a permit only while it produces a part, so that a slow or stalled reader blocks no other reader. */
export async function* withSemaphore<T>(semaphore: Semaphore, parts: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
  try {
    for (;;) {
      const part = await semaphore(() => parts.next())
      if (part.done) return
      yield part.value
    }
  } finally {
    await parts.return()
  }
}
