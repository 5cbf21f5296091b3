// npm run sim -- [--seeds 1000] [--from 1] [--steps 60]: lives of a desk, one after the other. A seed that fails is run again by --from SEED --seeds 1.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseArgs } from 'node:util'
import { runSeed } from './run.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    from: { type: 'string', default: '1' },
    steps: { type: 'string', default: '60' },
  },
})
const from = Number(values.from)
for (let seed = from; seed < from + Number(values.seeds); seed++) {
  void test(`seed ${seed}`, async () => {
    const { problems, trace } = await runSeed(seed, Number(values.steps))
    assert.deepEqual(problems, [], trace.join('\n'))
  })
}
