import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  add,
  assetOf,
  currencyOf,
  formatAmount,
  isCurrency,
  isZero,
  minOf,
  money,
  multiply,
  parseAmount,
  scaleOf,
  subtract,
  sumOf,
  type Asset,
  type Money,
  type Rounding,
} from './index.ts'

const KES = 'KES/2'
const assets = fc.constantFrom<Asset>('KES/2', 'USD/2', 'JPY/0', 'BTC/8', 'USDC/6', 'ETH/18', 'XTR/0')
/** The largest amount has 15 digits before the point, also in an asset without decimals. */
const amounts = fc.bigInt({ min: 0n, max: 10n ** 15n - 1n })
const signed = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })

const parsed = (text: string, asset: Asset): Money => {
  const result = parseAmount(text, asset)
  if ('problem' in result) assert.fail(`${text} ${result.problem}`)
  return result
}
const problem = (text: string, asset: Asset = KES): string => {
  const result = parseAmount(text, asset)
  assert.ok('problem' in result, `${text} was accepted`)
  return result.problem
}

void test('formatted money parses to the same money', () => {
  fc.assert(
    fc.property(assets, amounts, (asset, amount) => {
      assert.deepEqual(parsed(formatAmount({ asset, amount }), asset), { asset, amount })
    }),
  )
})

void test('formatted money has exactly the decimals of the asset', () => {
  fc.assert(
    fc.property(assets, signed, (asset, amount) => {
      const text = formatAmount({ asset, amount })
      assert.match(text, scaleOf(asset) === 0 ? /^-?\d+$/ : new RegExp(`^-?\\d+\\.\\d{${scaleOf(asset)}}$`))
      assert.equal(BigInt(text.replace('.', '')), amount)
    }),
  )
})

void test('parses amounts in the notations of people and programs', () => {
  assert.equal(parsed('1500.00', KES).amount, 150_000n)
  assert.equal(parsed('1500', KES).amount, 150_000n)
  assert.equal(parsed('1500.5', KES).amount, 150_050n)
  assert.equal(parsed('0.01', KES).amount, 1n)
  assert.equal(parsed('007', KES).amount, 700n)
  assert.equal(parsed('12', 'JPY/0').amount, 12n)
  assert.equal(parsed('0.00000001', 'BTC/8').amount, 1n)
  assert.equal(parsed('999999999999999.99', KES).amount, 99_999_999_999_999_999n)
})

void test('refuses anything else with the reason', () => {
  for (const text of [
    '',
    ' 1',
    '1 ',
    '+1',
    '-1',
    '1e3',
    '1,000',
    '1_000',
    '.5',
    '5.',
    '1.2.3',
    'NaN',
    '0x10',
    '١',
    '1\n',
    '٫5',
  ]) {
    assert.equal(problem(text), 'must be a positive decimal string such as "1500.00"', JSON.stringify(text))
  }
  assert.equal(problem('1.005'), 'has more than 2 decimals, which KES does not have')
  assert.equal(problem('1.001'), 'has more than 2 decimals, which KES does not have')
  assert.equal(problem('1.5', 'JPY/0'), 'must be a whole number such as "1500": JPY has no decimals')
  assert.equal(problem('500.01', 'JPY/0'), 'must be a whole number such as "1500": JPY has no decimals')
  assert.equal(problem('5.1234', 'KWD/3'), 'has more than 3 decimals, which KWD does not have')
  assert.equal(problem('1000000000000000'), 'is too large')
  assert.equal(problem('9'.repeat(100_000)), 'is too large')
})

void test('extra decimals are allowed only if they are zeros', () => {
  assert.equal(parsed('500.00', 'JPY/0').amount, 500n)
  assert.equal(parsed('5000.00', 'UGX/0').amount, 5000n)
  assert.equal(parsed('1500.000', KES).amount, 150_000n)
  assert.equal(parsed('5.1230', 'KWD/3').amount, 5123n)
  const zeros = fc.nat({ max: 30 }).map((count) => '0'.repeat(count))
  fc.assert(
    fc.property(assets, amounts, zeros, fc.constantFrom('', '1', '9'), (asset, amount, more, last) => {
      const text = formatAmount({ asset, amount })
      const longer = (text.includes('.') || more + last === '' ? text : `${text}.`) + more + last
      const result = parseAmount(longer, asset)
      if (last === '') assert.deepEqual(result, { asset, amount })
      else assert.ok('problem' in result, longer)
    }),
  )
})

void test('parsing never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.double().map(String)), assets, (text, asset) => {
      const result = parseAmount(text, asset)
      if (!('problem' in result)) assert.ok(result.amount >= 0n)
    }),
  )
})

void test('addition and subtraction are exact and keep the asset', () => {
  fc.assert(
    fc.property(assets, signed, signed, (asset, a, b) => {
      assert.deepEqual(subtract(add(money(asset, a), money(asset, b)), money(asset, b)), money(asset, a))
      assert.equal(minOf(money(asset, a), money(asset, b)).amount, a < b ? a : b)
    }),
  )
  assert.deepEqual(sumOf(KES, [money(KES, 1n), money(KES, 2n), money(KES, -4n)]), money(KES, -1n))
  assert.deepEqual(sumOf(KES, []), money(KES, 0n))
  assert.equal(isZero(money(KES, 0n)), true)
  assert.equal(isZero(money(KES, -1n)), false)
})

void test('combining two assets throws', () => {
  for (const combine of [add, subtract, minOf]) {
    assert.throws(() => combine(money(KES, 1n), money('USD/2', 1n)), /KES\/2 and USD\/2 cannot be combined/)
  }
  assert.throws(() => sumOf(KES, [money('KES/0', 1n)]), RangeError)
})

void test('multiplication rounds to the neighbour that the rounding names', () => {
  const denominators = fc.bigInt({ min: 1n, max: 10n ** 12n })
  const roundings = fc.constantFrom<Rounding>('down', 'up', 'half-even')
  fc.assert(
    fc.property(signed, signed, denominators, roundings, (amount, numerator, denominator, rounding) => {
      const { amount: result } = multiply(money(KES, amount), numerator, denominator, rounding)
      const exact = amount * numerator
      const error = result * denominator - exact
      const size = (n: bigint): bigint => (n < 0n ? -n : n)
      assert.ok(size(error) < denominator, 'never a whole unit away')
      if (exact % denominator === 0n) assert.equal(error, 0n)
      else if (rounding === 'down') assert.ok(size(result * denominator) < size(exact))
      else if (rounding === 'up') assert.ok(size(result * denominator) > size(exact))
      else assert.ok(size(error) * 2n < denominator || (size(error) * 2n === denominator && result % 2n === 0n))
    }),
    { numRuns: 1_000 },
  )
})

void test('multiplication examples', () => {
  const of = (amount: bigint, numerator: bigint, denominator: bigint, rounding: Rounding): bigint =>
    multiply(money(KES, amount), numerator, denominator, rounding).amount
  assert.equal(of(1_000n, 15n, 1_000n, 'down'), 15n)
  assert.equal(of(1_050n, 15n, 1_000n, 'down'), 15n)
  assert.equal(of(1_001n, 15n, 1_000n, 'up'), 16n)
  assert.equal(of(-1_001n, 15n, 1_000n, 'up'), -16n)
  assert.deepEqual(
    [1n, 3n, 5n, -1n, -3n].map((n) => of(n, 1n, 2n, 'half-even')),
    [0n, 2n, 2n, 0n, -2n],
  )
  assert.throws(() => of(1n, 1n, 0n, 'down'), /must be positive/)
  assert.throws(() => of(1n, 1n, -1n, 'down'), /must be positive/)
})

void test('an asset is a currency with its scale', () => {
  assert.equal(assetOf('KES'), 'KES/2')
  assert.equal(assetOf('JPY'), 'JPY/0')
  assert.equal(currencyOf('BTC/8'), 'BTC')
  assert.equal(scaleOf('BTC/8'), 8)
  for (const code of ['kes', 'ZZZ', '', 'toString', '__proto__', 'KES/2']) {
    assert.equal(isCurrency(code), false)
    assert.throws(() => assetOf(code), RangeError, code)
  }
})
