/** Counts what each holds open, by address or merchant, so that one cannot take the seats of all. */
export interface ConcurrencyLimit {
  /** A seat, to be given back by calling what is returned; undefined when it has all that it may have. */
  take(key: string): (() => void) | undefined
}

export function createConcurrencyLimit(most: number): ConcurrencyLimit {
  const taken = new Map<string, number>()
  const giveBack = (key: string): void => {
    const left = (taken.get(key) ?? 1) - 1
    if (left > 0) taken.set(key, left)
    else taken.delete(key)
  }
  return {
    take: (key) => {
      const count = taken.get(key) ?? 0
      if (count >= most) return undefined
      taken.set(key, count + 1)
      let isGiven = false
      return () => {
        if (!isGiven) giveBack(key)
        isGiven = true
      }
    },
  }
}

/** So many at once, the others wait for their turn. */
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

/** Each part is made in a turn of its own: whoever reads slowly, or not at all, keeps nobody waiting. */
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
