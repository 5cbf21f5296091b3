import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replayOf, runSeed, STEPS } from './sim/run.ts'

/** `npm run sim -- --seeds 1000` goes on from here. */
for (const seed of [1, 2, 3, 4]) {
  void test(`a life of a desk, seed ${seed}: all comes to rest, and the providers' books are ours`, async () => {
    const { problems, trace } = await runSeed(seed)
    assert.deepEqual(problems, [], [...trace, ...problems, `again: ${replayOf(seed, STEPS)}`].join('\n'))
  })
}

void test('a seed leads to the same life again', async () => {
  const [once, twice] = [await runSeed(7, 25), await runSeed(7, 25)]
  assert.deepEqual(twice, once)
})
