/** Thrown for an item that finds too many others waiting. */
export class BatcherFull extends Error {}

interface Waiting<In, Out> {
  readonly item: In
  readonly resolve: (out: Out) => void
  readonly reject: (error: unknown) => void
}

/**
 * Combines concurrent calls into batches. Items that arrive while a batch runs form the next batch, of at most `maxItems`. A single
 * call runs at once. A failed batch is retried item by item, so that only the bad item fails. `run` must return its results in item
 * order and must be idempotent for each item. With `maxWaiting` an item that finds as many others waiting is refused with `BatcherFull`.
 */
export function createBatcher<In, Out>(
  run: (items: readonly In[]) => Promise<readonly Out[]>,
  { maxItems, maxWaiting = Infinity }: { maxItems: number; maxWaiting?: number },
): (item: In) => Promise<Out> {
  const waiting: Waiting<In, Out>[] = []
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
  const drainQueue = async (): Promise<void> => {
    running = true
    while (waiting.length > 0) await settle(waiting.splice(0, maxItems))
    running = false
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= maxWaiting) return reject(new BatcherFull(`${maxWaiting} items wait already`))
      waiting.push({ item, resolve, reject })
      if (!running) void drainQueue()
    })
}
