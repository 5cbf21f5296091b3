import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listCurrencies } from '#money'
import { isPriced } from './market.ts'

/** Funds codes and units of account, in which nothing is priced, and Telegram Stars, which have no market. */
const UNPRICED = ['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW', 'VED', 'XAD', 'XTR']

void test('the simulated market has a price for every payment currency', () => {
  assert.deepEqual(
    listCurrencies().filter((code) => code !== 'USD' && !isPriced(code)),
    UNPRICED,
  )
})
