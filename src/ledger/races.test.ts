import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestLedger, limitedAccount, countResults, transfer, unlimitedAccount } from './fixture.ts'
import { HOT_SHARDS, type Account } from './index.ts'

void test('1,000 concurrent postings on one account: exactly the funded ones succeed, without deadlock', async () => {
  await using t = await openTestLedger()
  const others = Array.from({ length: 20 }, (_, i) => limitedAccount(`other-${i}`))
  // Open half of the accounts before ann and half after, so that both lock orders occur.
  await t.fund(1n, ...others.slice(0, 10))
  await t.fund(5_000n, limitedAccount('ann'))
  await t.fund(1n, ...others.slice(10))
  const runs = Array.from({ length: 1_000 }, (_, i) =>
    t.post(transfer(`t${i}`, limitedAccount('ann'), others[i % others.length] ?? unlimitedAccount, 10n)),
  )
  assert.deepEqual(await countResults(runs), { posted: 500, 'ledger.insufficient-funds': 500 })
  assert.equal(await t.available(limitedAccount('ann')), 0n)
  assert.deepEqual(await t.violations(), [])
})

void test('2,000 concurrent postings in opposite directions end without a deadlock', async () => {
  await using t = await openTestLedger()
  const [ann, ben] = [limitedAccount('ann'), limitedAccount('ben')]
  await t.fund(1_000_000n, ann, ben)
  // Postings on the pool are not retried after a deadlock, so a deadlock would fail the test.
  const runs = Array.from({ length: 2_000 }, (_, i) => {
    const [from, to] = i % 2 === 0 ? [ann, ben] : [ben, ann]
    return t.ledger.post(t.db, [transfer(`t${i}`, from, to, BigInt(1 + (i % 7)))])
  })
  assert.deepEqual(await countResults(runs), { posted: 2_000 })
  assert.deepEqual(await t.violations(), [])
})

void test('200 concurrent postings with one id post once', async () => {
  await using t = await openTestLedger()
  const same = transfer('same', unlimitedAccount, limitedAccount('ann'), 5n)
  const runs = Array.from({ length: 200 }, () => t.post(same))
  assert.deepEqual(await countResults(runs), { posted: 1, repeated: 199 })
  assert.equal(await t.available(limitedAccount('ann')), 5n)
})

void test('20 concurrent batches with the same ids in any order post once', async () => {
  await using t = await openTestLedger()
  await t.fund(10_000n, limitedAccount('ann'))
  const batch = Array.from({ length: 600 }, (_, i) =>
    transfer(`b${i}`, limitedAccount('ann'), limitedAccount(`to-${i % 3}`), 10n),
  )
  const runs = Array.from({ length: 20 }, (_, i) =>
    t.ledger.post(t.db, [...batch.slice(i * 30), ...batch.slice(0, i * 30)]),
  )
  assert.deepEqual(await countResults(runs), { posted: 1, repeated: 19 })
  assert.equal(await t.available(limitedAccount('ann')), 4_000n)
})

void test('batches and single postings in opposite directions: no deadlock, no overdraft', async () => {
  await using t = await openTestLedger()
  const purses = Array.from({ length: 8 }, (_, i) => limitedAccount(`p${i}`))
  const hot = { ...unlimitedAccount, code: 'fees', shards: HOT_SHARDS }
  await t.fund(300n, ...purses)
  const pick = (i: number): Account => purses[i % purses.length] ?? unlimitedAccount
  const runs = Array.from({ length: 400 }, (_, i) => {
    const batch = Array.from({ length: i % 4 === 0 ? 1 : 12 }, (_unused, k) => {
      const from = i * 3 + k
      return transfer(`t${i}-${k}`, pick(from), k % 4 === 0 ? hot : pick(from + 1 + ((i + k) % 7)), 3n)
    })
    return t.ledger.post(t.db, batch)
  })
  const counts = await countResults(runs)
  assert.deepEqual(Object.keys(counts).toSorted(), ['ledger.insufficient-funds', 'posted'])
  assert.deepEqual(await t.violations(), [])
})

void test('a batch can spend money that commits while it waits', async () => {
  await using t = await openTestLedger()
  await t.fund(10n, limitedAccount('ann'))
  await t.fund(1n, limitedAccount('ben'))
  let batch: Promise<string> | undefined
  // The batch starts while ann has 10. It waits for this transaction, which adds 90.
  await t.db.transaction(async (tx) => {
    await t.ledger.post(tx, [transfer('in', unlimitedAccount, limitedAccount('ann'), 90n)])
    batch = t.ledger.post(t.db, [
      transfer('a', limitedAccount('ann'), limitedAccount('ben'), 60n),
      transfer('b', limitedAccount('ann'), limitedAccount('ben'), 40n),
    ])
    await t.waitForBlockedStatement()
  })
  assert.equal(await batch, 'posted')
  assert.equal(await t.available(limitedAccount('ann')), 0n)
})

void test('50 concurrent postings open the same accounts once', async () => {
  await using t = await openTestLedger()
  const hot = { ...unlimitedAccount, code: 'fees', shards: HOT_SHARDS }
  const runs = Array.from({ length: 50 }, (_, i) =>
    t.post(
      transfer(`a${i}`, unlimitedAccount, i % 2 ? limitedAccount('ann') : hot, 1n),
      transfer(`b${i}`, unlimitedAccount, i % 2 ? hot : limitedAccount('ann'), 1n),
    ),
  )
  assert.deepEqual(await countResults(runs), { posted: 50 })
  assert.deepEqual(
    (await t.ledger.balances(t.db, '')).map(({ code, posted }) => [code, posted]),
    [
      ['ann', 50n],
      ['fees', 50n],
      ['world', -100n],
    ],
  )
  assert.deepEqual(await t.violations(), [])
})
