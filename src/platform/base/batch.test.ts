import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBatcher } from './batch.ts'

function trial(most = 100) {
  const runs: number[][] = []
  const gates: PromiseWithResolvers<void>[] = []
  const gather = createBatcher<number, string>(
    async (items) => {
      runs.push([...items])
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      await gate.promise
      if (items.includes(13)) throw new Error(`13 among ${items.length}`)
      return items.map((item) => `done ${item}`)
    },
    { most },
  )
  /** Lets the runs that have begun end, and those that begin then, until none is left. */
  const open = async (): Promise<void> => {
    for (let gate = gates.shift(); gate; gate = gates.shift()) {
      gate.resolve()
      await new Promise(setImmediate)
    }
  }
  return { gather, runs, open }
}

void test('the first runs at once, and what comes meanwhile together', async () => {
  const { gather, runs, open } = trial()
  const all = [1, 2, 3, 4].map(gather)
  assert.deepEqual(runs, [[1]])
  await open()
  assert.deepEqual(await Promise.all(all), ['done 1', 'done 2', 'done 3', 'done 4'])
  assert.deepEqual(runs, [[1], [2, 3, 4]])
  const later = gather(5)
  assert.deepEqual(runs.at(-1), [5], 'nothing is left waiting')
  await open()
  assert.equal(await later, 'done 5')
})

void test('no run has more than the most', async () => {
  const { gather, runs, open } = trial(2)
  const all = [1, 2, 3, 4, 5, 6].map(gather)
  await open()
  assert.equal((await Promise.all(all)).length, 6)
  assert.deepEqual(runs, [[1], [2, 3], [4, 5], [6]])
})

void test('a bad item fails alone', async () => {
  const { gather, runs, open } = trial()
  const all = Promise.allSettled([1, 12, 13, 14].map(gather))
  await open()
  assert.deepEqual(
    (await all).map((result) => (result.status === 'fulfilled' ? result.value : String(result.reason))),
    ['done 1', 'done 12', 'Error: 13 among 1', 'done 14'],
  )
  assert.deepEqual(runs, [[1], [12, 13, 14], [12], [13], [14]])
})
