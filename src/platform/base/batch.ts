import { AppError } from './errors.ts'

export interface BatcherOptions<In> {
  /** Maximum number of items in a batch. */
  readonly maxItems: number
  /** Maximum total size of the items that wait behind the running batch. */
  readonly maxWaiting: number
  /** Returns the size of an item. */
  readonly sizeOf: (item: In) => number
}

const FULL_RETRY_SECONDS = 30

interface Waiting<In, Out> {
  readonly item: In
  readonly resolve: (out: Out) => void
  readonly reject: (error: unknown) => void
}

/**
 * Combines concurrent calls into batches. Items that arrive while a batch runs form the next batch, of at most `maxItems`. A single
 * call runs at once. A failed batch is retried item by item, so that only the bad item fails. `run` must return its results in item
 * order and must be idempotent for each item. A call throws 503 `unavailable` at once when too much waits: what `run` writes to may be
 * frozen, and memory must not fill.
 */
export function createBatcher<In, Out>(
  run: (items: readonly In[]) => Promise<readonly Out[]>,
  { maxItems, maxWaiting, sizeOf }: BatcherOptions<In>,
): (item: In) => Promise<Out> {
  const waiting: Waiting<In, Out>[] = []
  let waitingSize = 0
  let running = false

  const settle = async (batch: readonly Waiting<In, Out>[]): Promise<void> => {
    try {
      const outs = await run(batch.map(({ item }) => item))
      for (const [i, { resolve }] of batch.entries()) resolve(outs[i] as Out)
    } catch (error) {
      if (batch.length > 1) await Promise.all(batch.map((one) => settle([one])))
      else for (const { reject } of batch) reject(error)
    }
  }
  const totalOf = (batch: readonly Waiting<In, Out>[]): number => batch.reduce((sum, { item }) => sum + sizeOf(item), 0)
  const drainQueue = async (): Promise<void> => {
    running = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, maxItems)
      waitingSize -= totalOf(batch)
      await settle(batch)
    }
    running = false
  }

  return (item) =>
    new Promise((resolve, reject) => {
      const size = sizeOf(item)
      if (running && waitingSize + size > maxWaiting) return reject(queueFull())
      waitingSize += size
      waiting.push({ item, resolve, reject })
      if (!running) void drainQueue()
    })
}

const queueFull = (): AppError =>
  new AppError('unavailable', 503, 'Purser cannot store more at the moment. Try again soon.', {
    retryAfterSeconds: FULL_RETRY_SECONDS,
  })
