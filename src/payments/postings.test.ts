import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assetOf, money } from '#money'
import { createSetClock } from '#platform/base/clock'
import { createIds } from '#platform/base/ids'
import {
  availableOf,
  type Books,
  clearingOf,
  creditTransfers,
  debtOf,
  feeTransfers,
  debitTransfers,
} from './postings.ts'
import fc from 'fast-check'

const KES = assetOf('KES')
const books: Books = { rail: 'tap', railAccount: 'main', account: 'merchant:mer_1', asset: KES }
const ids = createIds(createSetClock())
const event = { source: ids.next('rcp'), ref: 'rcp_1', kind: 'payments.receipt' }
const positive = fc.bigInt(1n, 10n ** 12n)
const natural = fc.bigInt(0n, 10n ** 12n)
const net = (transfers: ReturnType<typeof creditTransfers>, code: string): bigint =>
  transfers.reduce(
    (sum, { from, to, amount }) => sum + (to.code === code ? amount : 0n) - (from.code === code ? amount : 0n),
    0n,
  )

void test('a credit repays debt first and loses nothing', () => {
  fc.assert(
    fc.property(positive, natural, (amount, owed) => {
      const transfers = creditTransfers(event, books, amount, owed)
      assert.equal(net(transfers, clearingOf(books).code), -amount)
      const repaid = net(transfers, debtOf(books).code)
      assert.equal(repaid, owed < amount ? owed : amount)
      assert.equal(net(transfers, availableOf(books).code), amount - repaid)
      assert.ok(transfers.every((transfer) => transfer.amount > 0n))
    }),
  )
})

void test('a reversal leaves the available balance at zero or above', () => {
  fc.assert(
    fc.property(positive, natural, (amount, available) => {
      const transfers = debitTransfers(event, books, amount, available)
      assert.equal(net(transfers, clearingOf(books).code), amount)
      assert.ok(available + net(transfers, availableOf(books).code) >= 0n)
      assert.equal(net(transfers, debtOf(books).code), available >= amount ? 0n : available - amount)
    }),
  )
})

void test('an event always posts with the same ids, one for each purpose', () => {
  const once = [...creditTransfers(event, books, 100n, 40n), ...feeTransfers(event, books, money(KES, 3n))]
  const again = [...creditTransfers(event, books, 100n, 40n), ...feeTransfers(event, books, money(KES, 3n))]
  assert.deepEqual(once, again)
  assert.equal(new Set(once.map(({ id }) => id)).size, 3)
  const other = creditTransfers({ ...event, source: ids.next('rcp') }, books, 100n, 40n)
  assert.ok(other.every(({ id }) => !once.some((transfer) => transfer.id === id)))
})
