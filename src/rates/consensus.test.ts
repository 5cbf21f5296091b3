import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addMs } from '#platform/base/clock'
import { fraction } from './fraction.ts'
import { findConsensus, type Consensus, type LastGood, type AgreedPrice } from './consensus.ts'

const now = new Date('2026-01-15T09:00:00Z')
const NAMES = ['coinbase', 'coingecko', 'kraken', 'other']
const MINUTE = 60_000

const good = (value: number, ageMs: number): AgreedPrice => ({
  ...{ value: fraction(BigInt(value), 1n), at: addMs(now, -ageMs), sources: ['kraken'] },
})

function of(values: readonly number[], lastGood?: LastGood, minSources = 1): Consensus {
  const prices = values.map((value, i) => ({
    ...{ source: NAMES[i] ?? '', value: fraction(BigInt(value), 1n), at: addMs(now, -i * 1000) },
  }))
  return findConsensus(prices, lastGood, { maxDeviationBps: 300n, minSources, arbiterMs: 10 * MINUTE, now })
}

/** Returns the agreed value and the excluded sources. */
const consensusOf = ({ agreedPrice, leftOut }: Consensus): readonly unknown[] => [
  agreedPrice && [agreedPrice.value.numerator, agreedPrice.value.denominator],
  [...leftOut],
]

void test('sources that agree give their median and their oldest time', () => {
  const judgement = of([10_000, 10_100, 10_050])
  assert.deepEqual(consensusOf(judgement), [[10_050n, 1n], []])
  assert.deepEqual(judgement.agreedPrice?.at, addMs(now, -2000))
  assert.deepEqual(judgement.agreedPrice?.sources, ['coinbase', 'coingecko', 'kraken'])
})

void test('one false source of three is excluded, high or low, and does not move the price', () => {
  assert.deepEqual(consensusOf(of([10_000, 15_000, 10_100])), [[10_050n, 1n], ['coingecko']])
  assert.deepEqual(consensusOf(of([10_000, 1, 10_100])), [[10_050n, 1n], ['coingecko']])
})

void test('of two sources that differ, the one near the last good price counts, if that price is fresh', () => {
  assert.deepEqual(consensusOf(of([10_000, 15_000], good(10_010, MINUTE))), [[10_000n, 1n], ['coingecko']])
  assert.deepEqual(consensusOf(of([10_000, 15_000])), [undefined, ['coinbase', 'coingecko']])
  assert.deepEqual(consensusOf(of([10_000, 15_000], good(10_010, 11 * MINUTE))), [undefined, ['coinbase', 'coingecko']])
  assert.deepEqual(consensusOf(of([10_000, 15_000], good(12_500, MINUTE))), [undefined, ['coinbase', 'coingecko']])
})

void test('three or four sources that all differ give no price', () => {
  assert.deepEqual(consensusOf(of([10_000, 15_000, 20_000])), [undefined, ['coinbase', 'coingecko', 'kraken']])
  assert.deepEqual(consensusOf(of([10_000, 10_010, 20_000, 20_020])), [undefined, NAMES])
})

void test('a single source must be near the last good price; the allowed deviation grows with its age', () => {
  const hours = (count: number): number => count * 60 * MINUTE
  assert.deepEqual(consensusOf(of([10_000])), [[10_000n, 1n], []], 'the first price ever')
  assert.deepEqual(consensusOf(of([10_300], good(10_000, 0))), [[10_300n, 1n], []])
  assert.deepEqual(consensusOf(of([10_310], good(10_000, MINUTE))), [undefined, ['coinbase']])
  assert.deepEqual(consensusOf(of([10_600], good(10_000, hours(1)))), [[10_600n, 1n], []])
  assert.deepEqual(consensusOf(of([10_601], good(10_000, hours(1)))), [undefined, ['coinbase']])
  assert.deepEqual(consensusOf(of([20_000], good(10_000, hours(24)))), [undefined, ['coinbase']])
  assert.deepEqual(consensusOf(of([20_000], good(10_000, hours(25)))), [[20_000n, 1n], []])
  assert.deepEqual(consensusOf(of([20_000], good(10_000, -hours(1)))), [[20_000n, 1n], []], 'a clock was wrong')
  assert.deepEqual(
    consensusOf(of([10_000], undefined, 2)),
    [undefined, []],
    'with two required sources, one is not enough',
  )
  assert.deepEqual(consensusOf(of([])), [undefined, []])
})

void test('a single source, or one of two, cannot move the price away from the last price that several agreed on', () => {
  const led = (value: number, agreedAgeMs: number): LastGood => ({
    ...good(value, MINUTE),
    agreed: good(10_000, agreedAgeMs),
  })
  assert.deepEqual(consensusOf(of([10_311], led(10_300, 2 * MINUTE))), [undefined, ['coinbase']])
  assert.deepEqual(consensusOf(of([10_300], led(10_300, 2 * MINUTE))), [[10_300n, 1n], []])
  assert.deepEqual(consensusOf(of([10_600], led(10_500, 60 * MINUTE))), [[10_600n, 1n], []], 'prices move')
  assert.deepEqual(consensusOf(of([10_601], led(10_500, 60 * MINUTE))), [undefined, ['coinbase']])
  assert.deepEqual(
    consensusOf(of([20_000], led(20_000, 25 * 60 * MINUTE))),
    [[20_000n, 1n], []],
    'the agreed price is too old',
  )
  assert.deepEqual(consensusOf(of([10_000, 12_000], led(12_000, 2 * MINUTE))), [undefined, ['coinbase', 'coingecko']])
  assert.deepEqual(
    consensusOf(of([12_000, 12_100], led(10_000, 2 * MINUTE)))[1],
    [],
    'a majority needs no last good price',
  )
})

void test('whatever a false source of three sends, the price stays between the prices of the other two', () => {
  const honest = fc.integer({ min: 1_000_000, max: 1_010_000 })
  fc.assert(
    fc.property(honest, honest, fc.integer({ min: 1, max: 2 ** 31 }), (a, b, lie) => {
      const { agreedPrice } = of([a, lie, b])
      assert.ok(agreedPrice)
      const { numerator, denominator } = agreedPrice.value
      const [low, high] = [BigInt(Math.min(a, b)), BigInt(Math.max(a, b))]
      assert.ok(numerator >= low * denominator && numerator <= high * denominator)
    }),
  )
})
