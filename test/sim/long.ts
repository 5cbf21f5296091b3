// npm run sim -- [--seeds 1000] [--from 1] [--steps 60]: simulation runs, one after the other. A failing seed prints the command that repeats it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseArgs } from 'node:util'
import { replayCommand, runSeed, STEPS } from './run.ts'

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
    assert.deepEqual(problems, [], [...trace, ...problems, `repeat: ${replayCommand(seed, steps)}`].join('\n'))
  })
}
