import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listCurrencies } from '#money'
import { isPriced } from './market.ts'

/** Funds codes and units of account, which nothing is priced in, and Telegram Stars, which have no market. */
const UNPRICED = ['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW', 'VED', 'XAD', 'XTR']

void test('the simulated market has a price for every currency that is money', () => {
  assert.deepEqual(
    listCurrencies().filter((code) => code !== 'USD' && !isPriced(code)),
    UNPRICED,
  )
})
