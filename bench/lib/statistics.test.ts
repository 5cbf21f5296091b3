import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeRatios, median, medianInterval } from './statistics.ts'

const oneTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1)

test('the median is the middle value, or the mean of the middle two', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([7]), 7)
  assert.throws(() => median([]), /no values/)
})

test('the interval of the median lies between the order statistics of the sign test', () => {
  // Ranks and coverage from printed tables of the sign test at 95 %.
  const table = [
    { n: 6, lower: 1, coverage: 0.9688 },
    { n: 8, lower: 1, coverage: 0.9922 },
    { n: 9, lower: 2, coverage: 0.9609 },
    { n: 11, lower: 2, coverage: 0.9883 },
    { n: 12, lower: 3, coverage: 0.9614 },
    { n: 20, lower: 6, coverage: 0.9586 },
    { n: 25, lower: 8, coverage: 0.9567 },
  ]
  for (const { n, lower, coverage } of table) {
    const found = medianInterval(oneTo(n).toReversed())
    assert.deepEqual([found.lower, found.upper], [lower, n + 1 - lower], `${n} values`)
    assert.ok(Math.abs(found.coverage - coverage) < 0.0001, `${n} values cover ${found.coverage}`)
  }
  assert.deepEqual(medianInterval(oneTo(12), 0.8), { lower: 4, upper: 9, coverage: 1 - 2 * (299 / 4096) })
})

test('five values are too few for 95 %', () => {
  assert.throws(() => medianInterval(oneTo(5)), /5 values are too few for an interval of 95 %/)
  assert.throws(() => medianInterval([]), /0 values are too few/)
})

test('the interval covers the true median of a skewed distribution as often as its coverage', () => {
  // Park-Miller generator: the same samples in each run.
  let state = 1
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  const samples = 4000
  let covered = 0
  for (let n = 0; n < samples; n += 1) {
    // Exponential values; their median is ln 2.
    const { lower, upper } = medianInterval(Array.from({ length: 12 }, () => -Math.log(random())))
    if (lower <= Math.LN2 && Math.LN2 <= upper) covered += 1
  }
  assert.ok(Math.abs(covered / samples - 0.9614) < 0.01, `covered ${covered} of ${samples}`)
})

test('not slower needs an interval that reaches 1.0 and a median of at least 0.95', () => {
  const ratios = (middle: number, upper: number): number[] => [
    0.9,
    0.9,
    0.9,
    middle,
    middle,
    middle,
    middle,
    upper,
    upper,
  ]
  assert.equal(judgeRatios(ratios(0.95, 1)).notSlower, true)
  assert.equal(judgeRatios(ratios(0.949, 1)).notSlower, false)
  assert.equal(judgeRatios(ratios(0.99, 0.999)).notSlower, false)
  assert.equal(judgeRatios(oneTo(12).map(() => 1)).notSlower, true)
  assert.equal(judgeRatios(oneTo(12).map(() => 1.2)).notSlower, true)
  assert.deepEqual(judgeRatios(ratios(0.97, 1.1)), {
    median: 0.97,
    interval: { lower: 0.9, upper: 1.1, coverage: 1 - 20 / 512 },
    word: 'not slower',
    notSlower: true,
  })
  assert.equal(judgeRatios(ratios(0.949, 1)).word, 'undecided')
  assert.equal(judgeRatios(ratios(0.949, 0.999)).word, 'slower')
  assert.equal(judgeRatios(ratios(0.99, 0.999)).word, 'slower')
})

test('a single burst of other work does not change the verdict', () => {
  assert.equal(judgeRatios([...oneTo(11).map(() => 1), 0.2]).notSlower, true)
  assert.equal(judgeRatios([...oneTo(11).map(() => 0.9), 5]).notSlower, false)
})
