import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replayCommand, runSeed, STEPS } from './sim/run.ts'

/** `npm run sim -- --seeds 1000` runs more seeds. */
for (const seed of [1, 2, 3, 4]) {
  void test(`simulation run, seed ${seed}: everything finishes, and the providers' books match`, async () => {
    const { problems, trace } = await runSeed(seed)
    assert.deepEqual(problems, [], [...trace, ...problems, `repeat: ${replayCommand(seed, STEPS)}`].join('\n'))
  })
}

void test('a seed repeats the same simulation run', async () => {
  const [once, twice] = [await runSeed(7, 25), await runSeed(7, 25)]
  assert.deepEqual(twice, once)
})
