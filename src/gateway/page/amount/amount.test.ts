import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAmount } from '#money'
import { speak } from '../../strings/strings.ts'
import { parseTypedAmount, type Offer } from './amount.ts'

const limits = { min: 1n, max: 10n ** 15n, step: 1n }
const offerIn = (currency: string): Offer => ({
  currency,
  methods: [{ method: 'card', rail: 'stripe', kind: 'page', needs: [], limits, closes: true, unavailable: undefined }],
})
const read = (typed: string, currency: string): string => {
  const result = parseTypedAmount(typed, offerIn(currency), {}, speak('en'))
  return 'problem' in result ? result.problem : formatAmount(result.amount)
}

void test('zeros beyond the decimals of a currency are accepted, unless they may mean thousands', () => {
  assert.equal(read('500.00', 'JPY'), '500')
  assert.equal(read('1500.0000', 'KES'), '1500.00')
  assert.equal(read('1.500', 'KWD'), '1.500')
  for (const currency of ['KES', 'JPY', 'EUR']) {
    assert.match(read('1.500', currency), /decimals/, currency)
    assert.match(read('1.000', currency), /decimals/, currency)
  }
})
