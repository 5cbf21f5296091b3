import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBatcher } from './batch.ts'

function openTrial(maxItems = 100, maxWaiting = 1000) {
  const runs: number[][] = []
  const gates: PromiseWithResolvers<void>[] = []
  const batcher = createBatcher<number, string>(
    async (items) => {
      runs.push([...items])
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      await gate.promise
      if (items.includes(13)) throw new Error(`13 among ${items.length}`)
      return items.map((item) => `done ${item}`)
    },
    { maxItems, maxWaiting, sizeOf: (item) => item },
  )
  /** Completes the running batch and each batch that follows, until none runs. */
  const open = async (): Promise<void> => {
    for (let gate = gates.shift(); gate; gate = gates.shift()) {
      gate.resolve()
      await new Promise(setImmediate)
    }
  }
  return { batcher, runs, open }
}

void test('the first call runs at once, and calls during a run form the next batch', async () => {
  const { batcher, runs, open } = openTrial()
  const all = [1, 2, 3, 4].map(batcher)
  assert.deepEqual(runs, [[1]])
  await open()
  assert.deepEqual(await Promise.all(all), ['done 1', 'done 2', 'done 3', 'done 4'])
  assert.deepEqual(runs, [[1], [2, 3, 4]])
  const later = batcher(5)
  assert.deepEqual(runs.at(-1), [5], 'no item is left waiting')
  await open()
  assert.equal(await later, 'done 5')
})

void test('a batch has at most maxItems items', async () => {
  const { batcher, runs, open } = openTrial(2)
  const all = [1, 2, 3, 4, 5, 6].map(batcher)
  await open()
  assert.equal((await Promise.all(all)).length, 6)
  assert.deepEqual(runs, [[1], [2, 3], [4, 5], [6]])
})

void test('a bad item fails alone', async () => {
  const { batcher, runs, open } = openTrial()
  const all = Promise.allSettled([1, 12, 13, 14].map(batcher))
  await open()
  assert.deepEqual(
    (await all).map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason))),
    ['done 1', 'done 12', 'Error: 13 among 1', 'done 14'],
  )
  assert.deepEqual(runs, [[1], [12, 13, 14], [12], [13], [14]])
})

void test('a call beyond the size that may wait is refused at once, and there is room again after the next batch began', async () => {
  const { batcher, runs, open } = openTrial(2, 10)
  const first = batcher(99)
  const waiting = [4, 5].map(batcher)
  await assert.rejects(batcher(2), { code: 'unavailable', status: 503, retryAfterSeconds: 30 })
  const last = batcher(1)
  assert.deepEqual(runs, [[99]])
  await open()
  assert.deepEqual(await Promise.all([first, ...waiting, last]), ['done 99', 'done 4', 'done 5', 'done 1'])
  const again = [99, 10].map(batcher)
  await open()
  assert.equal((await Promise.all(again)).length, 2)
})
