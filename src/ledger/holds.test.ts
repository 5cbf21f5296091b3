import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMs } from '#platform/base/clock'
import { deriveUuid } from '#platform/base/ids'
import {
  KES,
  openTestLedger,
  limitedAccount,
  refused,
  countResults,
  transfer,
  unlimitedAccount,
  type TestLedger,
} from './fixture.ts'
import type { Hold, Settlement } from './index.ts'

const HOUR_MS = 3_600_000
const idOf = (name: string): string => deriveUuid(name, 'test')

const holdOf = (t: TestLedger, name: string, amount: bigint, account = limitedAccount('ann')): Hold => ({
  id: idOf(name),
  account,
  amount,
  expiresAt: addMs(t.clock.now(), HOUR_MS),
})
const settlementOf = (name: string, amount: bigint, transferName = `${name}-sent`): Settlement => ({
  holdId: idOf(name),
  transferId: idOf(transferName),
  to: unlimitedAccount,
  amount,
  kind: 'test.payout',
  ref: name,
})

const balances = async (t: TestLedger): Promise<string> => {
  const { posted, held, available } = await t.ledger.balance(t.db, 'ann', KES)
  return `${posted} posted, ${held} held, ${available} available`
}

void test('held money cannot be spent, and a hold settles for a part of its amount', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'))
  assert.equal(await t.ledger.hold(t.db, holdOf(t, 'h', 70n)), true)
  assert.equal(await balances(t), '100 posted, 70 held, 30 available')
  await assert.rejects(
    t.post(transfer('t', limitedAccount('ann'), limitedAccount('ben'), 31n)),
    refused('ledger.insufficient-funds'),
  )
  assert.equal(await t.ledger.settle(t.db, settlementOf('h', 50n)), true)
  assert.equal(await balances(t), '50 posted, 0 held, 50 available')
  assert.deepEqual(await t.violations(), [])
})

void test('a hold beyond the funds is refused, changes nothing and can be retried', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'))
  assert.equal(await t.ledger.hold(t.db, holdOf(t, 'h1', 60n)), true)
  assert.equal(await t.ledger.hold(t.db, holdOf(t, 'h2', 41n)), false)
  assert.equal(await t.ledger.settle(t.db, settlementOf('h2', 1n)), false)
  await t.fund(1n, limitedAccount('ann'))
  assert.equal(await t.ledger.hold(t.db, holdOf(t, 'h2', 41n)), true)
  assert.equal(await balances(t), '101 posted, 101 held, 0 available')
  assert.equal(await t.ledger.hold(t.db, holdOf(t, 'h3', 1n, limitedAccount('never-used'))), false)
  assert.deepEqual(await t.violations(), [])
})

void test('a repeated hold holds once, and other content is refused and names the field', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'), limitedAccount('ben'))
  const hold = holdOf(t, 'h', 40n)
  const runs = Array.from({ length: 50 }, () => t.ledger.hold(t.db, hold))
  assert.deepEqual(await countResults(runs), { true: 50 })
  assert.equal(await balances(t), '100 posted, 40 held, 60 available')
  const mismatch = (field: string) => refused('ledger.hold-mismatch', new RegExp(`placed before with another ${field}`))
  await assert.rejects(t.ledger.hold(t.db, { ...hold, amount: 41n }), mismatch('amount'))
  await assert.rejects(t.ledger.hold(t.db, { ...hold, account: limitedAccount('ben') }), mismatch('account'))
  await assert.rejects(
    t.ledger.hold(t.db, { ...hold, account: { ...limitedAccount('ann'), asset: 'USD/2' } }),
    mismatch('asset'),
  )
})

void test('a hold settles once, and a repeated settlement is recognised', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'))
  await t.ledger.hold(t.db, holdOf(t, 'h', 70n))
  assert.equal(await t.ledger.settle(t.db, settlementOf('h', 50n)), true)
  assert.equal(await t.ledger.settle(t.db, settlementOf('h', 50n)), true)
  assert.equal(await t.ledger.settle(t.db, settlementOf('h', 20n, 'another')), false)
  assert.equal(await t.ledger.release(t.db, idOf('h')), false)
  assert.equal(await t.ledger.hold(t.db, holdOf(t, 'h', 70n)), true)
  await assert.rejects(
    t.ledger.settle(t.db, settlementOf('h', 51n)),
    refused('ledger.transfer-mismatch', /another amount/),
  )
  assert.equal(await balances(t), '50 posted, 0 held, 50 available')
})

void test('a hold settles for at most its amount, and not by a transfer that was posted without the hold', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'))
  await t.ledger.hold(t.db, holdOf(t, 'h', 70n))
  await assert.rejects(
    t.ledger.settle(t.db, settlementOf('h', 71n)),
    refused('ledger.hold-exceeded', /holds 70 minor units/),
  )
  await t.post({
    ...transfer('t', limitedAccount('ann'), unlimitedAccount, 10n),
    id: idOf('h-sent'),
    kind: 'test.payout',
    ref: 'h',
  })
  await assert.rejects(
    t.ledger.settle(t.db, settlementOf('h', 10n)),
    refused('ledger.transfer-mismatch', /not to settle/),
  )
  assert.equal(await balances(t), '90 posted, 70 held, 20 available')
  assert.deepEqual(await t.violations(), [])
})

void test('a settlement into another asset or an invalid account is refused', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'))
  await t.ledger.hold(t.db, holdOf(t, 'h', 70n))
  const dollars = { ...unlimitedAccount, asset: 'USD/2' } as const
  await assert.rejects(
    t.ledger.settle(t.db, { ...settlementOf('h', 10n), to: dollars }),
    refused('ledger.unknown-account'),
  )
  await assert.rejects(
    t.ledger.settle(t.db, { ...settlementOf('h', 10n), to: limitedAccount('ann') }),
    refused('ledger.bad-transfer'),
  )
  await assert.rejects(
    t.ledger.hold(t.db, holdOf(t, 'w', 1n, unlimitedAccount)),
    refused('ledger.hold-without-limit', /world/),
  )
  await assert.rejects(t.ledger.hold(t.db, holdOf(t, 'w', 0n)), refused('ledger.bad-transfer'))
  assert.equal(await balances(t), '100 posted, 70 held, 30 available')
})

void test('a hold is released once', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'))
  await t.ledger.hold(t.db, holdOf(t, 'h', 70n))
  assert.equal(await t.ledger.release(t.db, idOf('h')), true)
  assert.equal(await t.ledger.release(t.db, idOf('h')), true)
  assert.equal(await t.ledger.release(t.db, idOf('unknown')), false)
  assert.equal(await t.ledger.settle(t.db, settlementOf('h', 1n)), false)
  assert.equal(await balances(t), '100 posted, 0 held, 100 available')
  assert.deepEqual(await t.violations(), [])
})

void test('a concurrent settlement and release: exactly one succeeds', async () => {
  await using t = await openTestLedger()
  await t.fund(1_000n, limitedAccount('ann'))
  const names = Array.from({ length: 40 }, (_, i) => `h${i}`)
  for (const name of names) await t.ledger.hold(t.db, holdOf(t, name, 20n))
  const won = await Promise.all(
    names.map(async (name) => {
      const both = await Promise.all([
        t.ledger.settle(t.db, settlementOf(name, 15n)),
        t.ledger.release(t.db, idOf(name)),
        t.ledger.settle(t.db, settlementOf(name, 10n, `${name}-other`)),
      ])
      assert.equal(both.filter(Boolean).length, 1)
      return both
    }),
  )
  const sum = won.reduce((spent, [fifteen, , ten]) => spent + (fifteen ? 15n : 0n) + (ten ? 10n : 0n), 0n)
  assert.equal(await t.available(limitedAccount('ann')), 1_000n - sum)
  assert.deepEqual(await t.violations(), [])
})

void test('the second transaction to resolve a hold waits for the first and gets false', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'), limitedAccount('ben'))
  await t.ledger.hold(t.db, holdOf(t, 'h1', 20n))
  await t.ledger.hold(t.db, holdOf(t, 'h2', 20n, limitedAccount('ben')))
  t.clock.advance(HOUR_MS)
  const second: Promise<boolean>[] = []
  await t.db.transaction(async (tx) => {
    assert.equal(await t.ledger.settle(tx, settlementOf('h1', 15n)), true)
    second.push(t.ledger.release(t.db, idOf('h1')))
    await t.waitForBlockedStatement()
    assert.equal(await t.ledger.expireHolds(t.db), 1)
  })
  await t.ledger.hold(t.db, holdOf(t, 'h3', 20n))
  await t.db.transaction(async (tx) => {
    assert.equal(await t.ledger.release(tx, idOf('h3')), true)
    second.push(t.ledger.settle(t.db, settlementOf('h3', 15n)))
    await t.waitForBlockedStatement()
  })
  assert.deepEqual(await Promise.all(second), [false, false])
  assert.equal(await balances(t), '85 posted, 0 held, 85 available')
  assert.deepEqual(await t.violations(), [])
})

void test('the sweep expires due holds in batches', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'), limitedAccount('ben'))
  for (let i = 0; i < 5; i++)
    await t.ledger.hold(t.db, holdOf(t, `h${i}`, 10n, i % 2 ? limitedAccount('ann') : limitedAccount('ben')))
  t.clock.advance(HOUR_MS / 2)
  await t.ledger.hold(t.db, holdOf(t, 'later', 10n))
  assert.equal(await t.ledger.expireHolds(t.db), 0)
  t.clock.advance(HOUR_MS / 2)
  assert.equal(await t.ledger.expireHolds(t.db, 2), 2)
  const swept = await Promise.all([t.ledger.expireHolds(t.db), t.ledger.expireHolds(t.db)])
  assert.equal(swept[0] + swept[1], 3)
  assert.equal(await balances(t), '100 posted, 10 held, 90 available')
  assert.equal(await t.ledger.settle(t.db, settlementOf('h0', 10n)), false)
  assert.equal(await t.ledger.release(t.db, idOf('h0')), true)
  assert.deepEqual(await t.violations(), [])
})

void test('the crons expire due holds and seal postings', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'))
  await t.ledger.hold(t.db, holdOf(t, 'h', 10n))
  t.clock.advance(HOUR_MS)
  await t.waitUntilSealable()
  for (const cron of t.ledger.crons ?? []) {
    await cron.run({ log: t.log, signal: new AbortController().signal, now: t.clock.now() })
  }
  assert.equal(await balances(t), '100 posted, 0 held, 100 available')
  assert.equal((await t.ledger.verify(t.db)).sealed, 1n)
})
