import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { assetOf, money, type Rounding } from '#money'
import { convertAt } from './convert.ts'
import type { Rate } from './types.ts'
import {
  formatFraction,
  fraction,
  invertFraction,
  isWithin,
  median,
  divideFractions,
  parseFraction,
  multiplyFractions,
  type Fraction,
} from './fraction.ts'

const positive = fc.bigInt({ min: 1n, max: 10n ** 30n })
const fractions = fc.tuple(positive, positive).map(([n, d]) => fraction(n, d))
const roundings = fc.constantFrom<Rounding>('down', 'up', 'half-even')

const read = (text: string): Fraction => {
  const value = parseFraction(text)
  assert.ok(value, text)
  return value
}
const toRate = (base: string, quote: string, value: Fraction): Rate => ({
  ...{ base, quote, value, text: formatFraction(value) },
  ...{ sources: ['kraken'], at: new Date(0), ageMs: 0 },
})

void test('a decimal is parsed to its last digit, beyond the precision of a float', () => {
  assert.deepEqual(read('67187.335800000000000001'), fraction(67187335800000000000001n, 10n ** 18n))
  assert.deepEqual(read('9.1e-7'), fraction(91n, 10n ** 8n))
  assert.deepEqual(read('1.5E+3'), fraction(1500n, 1n))
  assert.deepEqual(read('0.30'), fraction(3n, 10n))
  for (const text of [
    '0',
    '0.000',
    '0e9',
    '-1',
    '+1',
    '',
    '1.',
    '.5',
    '1,5',
    '0x1',
    'NaN',
    'Infinity',
    '1e999',
    '9'.repeat(31),
  ])
    assert.equal(parseFraction(text), undefined, text)
})

void test('a decimal is formatted as it was written', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 10n ** 17n }), fc.nat({ max: 12 }), (digits, places) => {
      const value = fraction(digits, 10n ** BigInt(places))
      assert.deepEqual(read(formatFraction(value)), value)
    }),
  )
  assert.equal(formatFraction(fraction(1n, 3n)), '0.333333333333333333')
  assert.equal(formatFraction(fraction(2n, 3n)), '0.666666666666666667')
  assert.equal(formatFraction(fraction(100n, 1n)), '100')
  assert.equal(formatFraction(fraction(1n, 21_000_000n * 10n ** 8n)), '0.00000000000000047619047619047619')
})

void test('arithmetic is exact: inverse operations restore the value, and rates are consistent', () => {
  fc.assert(
    fc.property(fractions, fractions, fractions, (a, b, c) => {
      assert.deepEqual(divideFractions(multiplyFractions(a, b), b), a)
      assert.deepEqual(invertFraction(invertFraction(a)), a)
      assert.deepEqual(multiplyFractions(divideFractions(a, b), divideFractions(b, c)), divideFractions(a, c))
    }),
  )
})

void test('the median is between its neighbours and does not depend on the order', () => {
  fc.assert(
    fc.property(fc.array(fractions, { minLength: 1, maxLength: 6 }), (values) => {
      const middle = median(values)
      assert.ok(middle)
      assert.deepEqual(median(values.toReversed()), middle)
      const sign = ({ numerator, denominator }: Fraction): bigint =>
        numerator * middle.denominator - middle.numerator * denominator
      assert.ok(values.filter((one) => sign(one) <= 0n).length * 2 >= values.length)
      assert.ok(values.filter((one) => sign(one) >= 0n).length * 2 >= values.length)
    }),
  )
  assert.equal(median([]), undefined)
  assert.deepEqual(median([fraction(1n, 1n), fraction(2n, 1n)]), fraction(3n, 2n))
})

void test('a deviation is exact at its limit', () => {
  const from = fraction(100n, 1n)
  assert.equal(isWithin(fraction(103n, 1n), from, 300n), true)
  assert.equal(isWithin(fraction(97n, 1n), from, 300n), true)
  assert.equal(isWithin(fraction(103n * 10n ** 20n + 1n, 10n ** 20n), from, 300n), false)
})

void test('any amount at any rate is rounded to the neighbour that the rounding names', () => {
  const amounts = fc.bigInt({ min: 0n, max: 10n ** 24n })
  fc.assert(
    fc.property(amounts, fractions, roundings, (amount, value, rounding) => {
      const rate = toRate('BTC', 'KES', value)
      const { amount: result } = convertAt(rate, { from: money('BTC/8', amount), to: 'KES/2', rounding, spreadBps: 0 })
      // result / 100 KES against amount / 10^8 BTC × value, multiplied out.
      const error = result.amount * 10n ** 6n * value.denominator - amount * value.numerator
      const unit = 10n ** 6n * value.denominator
      if (rounding === 'down') assert.ok(error <= 0n && error > -unit)
      else if (rounding === 'up') assert.ok(error >= 0n && error < unit)
      else {
        const twice = (error < 0n ? -error : error) * 2n
        assert.ok(twice < unit || (twice === unit && result.amount % 2n === 0n))
      }
    }),
    { numRuns: 1_000 },
  )
})

void test('one sat and the total supply convert exactly', () => {
  const rate = toRate('BTC', 'KES', read('8417500.123456789'))
  const convert = (satoshis: bigint, rounding: Rounding): bigint =>
    convertAt(rate, { from: money('BTC/8', satoshis), to: 'KES/2', rounding, spreadBps: 0 }).amount.amount
  // 0.08417500123456789 KES
  assert.deepEqual(
    (['down', 'half-even', 'up'] as const).map((rounding) => convert(1n, rounding)),
    [8n, 8n, 9n],
  )
  // 21,000,000 × 8,417,500.123456789 = 176,767,502,592,592.569
  assert.deepEqual(
    (['down', 'half-even', 'up'] as const).map((rounding) => convert(21_000_000n * 10n ** 8n, rounding)),
    [17_676_750_259_259_256n, 17_676_750_259_259_257n, 17_676_750_259_259_257n],
  )
  const back = convertAt(toRate('KES', 'BTC', invertFraction(rate.value)), {
    ...{ from: money('KES/2', 1n), to: 'BTC/8', rounding: 'up', spreadBps: 0 },
  })
  assert.deepEqual(back.amount, money('BTC/8', 1n))
})

void test('the spread is a separate amount, rounded from the exact spread', () => {
  const rate = toRate('KES', 'JPY', read('1.1969'))
  const input = { from: money('KES/2', 150_000n), to: assetOf('JPY'), spreadBps: 150 }
  // 1500 × 1.1969 = 1795.35; of it 1.5 %: 26.93025
  const up = convertAt(rate, { ...input, rounding: 'up' })
  assert.deepEqual([up.amount, up.spread], [money('JPY/0', 1796n), money('JPY/0', 27n)])
  const down = convertAt(rate, { ...input, rounding: 'down' })
  assert.deepEqual([down.amount, down.spread], [money('JPY/0', 1795n), money('JPY/0', 26n)])
  assert.deepEqual(convertAt(rate, { ...input, spreadBps: 0, rounding: 'up' }).spread, money('JPY/0', 0n))
  assert.throws(() => convertAt(rate, { ...input, from: money('USD/2', 1n), rounding: 'up' }), RangeError)
  assert.throws(() => convertAt(rate, { ...input, to: 'USD/2', rounding: 'up' }), RangeError)
})
