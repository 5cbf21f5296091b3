interface Waiting<In, Out> {
  readonly item: In
  readonly resolve: (out: Out) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes of many calls at once few calls with many items: what comes while a run is under way is done together by the next one. A call
 * that comes alone is run at once and waits for nobody. A run that fails is repeated item by item, so that one bad item fails alone; `run`
 * gives its answers in the order of its items, and doing an item twice must do no harm.
 */
export function createBatcher<In, Out>(
  run: (items: readonly In[]) => Promise<readonly Out[]>,
  { most }: { most: number },
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
  const work = async (): Promise<void> => {
    running = true
    while (waiting.length > 0) await settle(waiting.splice(0, most))
    running = false
  }

  return (item) =>
    new Promise((resolve, reject) => {
      waiting.push({ item, resolve, reject })
      if (!running) void work()
    })
}
