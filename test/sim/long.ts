// npm run sim -- [--seeds 1000] [--from 1] [--steps 60]: lives of a desk, one after the other. A seed that fails says how it is led again.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseArgs } from 'node:util'
import { replayOf, runSeed, STEPS } from './run.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    steps: { type: 'string', default: String(STEPS) },
  },
})
const [from, steps] = [Number(values.from), Number(values.steps)]
for (let seed = from; seed < from + Number(values.seeds); seed++) {
  void test(`seed ${seed}`, async () => {
    const { problems, trace } = await runSeed(seed, steps)
    assert.deepEqual(problems, [], [...trace, ...problems, `again: ${replayOf(seed, steps)}`].join('\n'))
  })
}
