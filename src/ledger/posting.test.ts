import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import { deriveUuid } from '#platform/base/ids'
import { KES, openTestLedger, limitedAccount, refused, SEAL_KEY, transfer, unlimitedAccount } from './fixture.ts'
import { createLedger, HOT_SHARDS, type Transfer } from './index.ts'

void test('a transfer moves money from one account to the other', async () => {
  await using t = await openTestLedger()
  assert.equal(await t.post(transfer('t1', unlimitedAccount, limitedAccount('ann'), 500n)), 'posted')
  assert.equal(await t.post(transfer('t2', limitedAccount('ann'), limitedAccount('ben'), 200n)), 'posted')
  assert.equal(await t.available(limitedAccount('ann')), 300n)
  assert.equal(await t.available(limitedAccount('ben')), 200n)
  assert.equal(await t.available(unlimitedAccount), -500n)
  assert.deepEqual(await t.ledger.trialBalance(t.db), [{ asset: KES, total: 0n, accounts: 3 }])
  assert.deepEqual(await t.violations(), [])
})

void test('a repeat posts nothing, also much later and without a transaction', async () => {
  await using t = await openTestLedger()
  const first = transfer('t1', unlimitedAccount, limitedAccount('ann'), 500n)
  assert.equal(await t.ledger.post(t.db, [first]), 'posted')
  t.clock.advance(86_400_000)
  assert.equal(await t.post(first), 'repeated')
  assert.equal(await t.ledger.post(t.db, [first]), 'repeated')
  assert.equal(await t.available(limitedAccount('ann')), 500n)
})

void test('a repeat with other content is refused and names the field', async () => {
  await using t = await openTestLedger()
  const first = transfer('t1', unlimitedAccount, limitedAccount('ann'), 500n)
  await t.post(first)
  const usd = { asset: 'USD/2' } as const
  const changes: Record<string, Partial<Transfer>> = {
    from: { from: { ...unlimitedAccount, code: 'other-world' } },
    to: { to: limitedAccount('ben') },
    amount: { amount: 501n },
    asset: { from: { ...unlimitedAccount, ...usd }, to: { ...limitedAccount('ann'), ...usd } },
    kind: { kind: 'test.other' },
    ref: { ref: 'other' },
  }
  for (const [field, change] of Object.entries(changes)) {
    const mismatch = refused(
      'ledger.transfer-mismatch',
      new RegExp(`${first.id} was posted before with another ${field}\\.`),
    )
    await assert.rejects(t.post({ ...first, ...change }), mismatch)
    await assert.rejects(
      t.post({ ...first, ...change }, transfer('new', unlimitedAccount, limitedAccount('ann'), 1n)),
      mismatch,
    )
  }
  assert.equal(await t.available(limitedAccount('ann')), 500n)
  assert.deepEqual(await t.violations(), [])
})

void test('an account without overdraft never goes below zero', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'))
  await assert.rejects(
    t.post(transfer('t1', limitedAccount('ann'), limitedAccount('ben'), 101n)),
    refused('ledger.insufficient-funds'),
  )
  // Also with the account ids in the other order.
  await assert.rejects(
    t.post(transfer('t2', limitedAccount('ben'), limitedAccount('ann'), 1n)),
    refused('ledger.insufficient-funds'),
  )
  assert.equal(await t.post(transfer('t1', limitedAccount('ann'), limitedAccount('ben'), 100n)), 'posted')
  assert.equal(await t.available(limitedAccount('ann')), 0n)
})

void test('a batch posts all its transfers, also with accounts repeated on both sides', async () => {
  await using t = await openTestLedger()
  await t.fund(10n, limitedAccount('ann'))
  const batch = Array.from({ length: 300 }, (_, i) =>
    i % 3 === 0
      ? transfer(`b${i}`, unlimitedAccount, limitedAccount('ann'), 5n)
      : i % 3 === 1
        ? transfer(`b${i}`, limitedAccount('ann'), limitedAccount('ben'), 4n)
        : transfer(`b${i}`, limitedAccount('ben'), unlimitedAccount, 3n),
  )
  assert.equal(await t.post(...batch), 'posted')
  assert.equal(await t.post(...batch.toReversed()), 'repeated')
  assert.equal(await t.available(limitedAccount('ann')), 110n)
  assert.equal(await t.available(limitedAccount('ben')), 100n)
  assert.deepEqual(await t.violations(), [])
})

void test('a batch is refused when one account would end below zero or below its held amount', async () => {
  await using t = await openTestLedger()
  await t.fund(100n, limitedAccount('ann'), limitedAccount('ben'))
  await t.ledger.hold(t.db, {
    id: deriveUuid('h1', 'test'),
    account: limitedAccount('ben'),
    amount: 60n,
    expiresAt: t.clock.now(),
  })
  const good = Array.from({ length: 10 }, (_, i) =>
    transfer(`g${i}`, limitedAccount('ann'), limitedAccount('cat'), 10n),
  )
  const short = refused('ledger.insufficient-funds')
  await assert.rejects(t.post(...good, transfer('x', limitedAccount('ann'), limitedAccount('cat'), 1n)), short)
  await assert.rejects(t.post(...good, transfer('x', limitedAccount('ben'), limitedAccount('cat'), 41n)), short)
  assert.equal(await t.available(limitedAccount('cat')), 0n)
  assert.equal(await t.post(...good, transfer('x', limitedAccount('ben'), limitedAccount('cat'), 40n)), 'posted')
  assert.equal(await t.available(limitedAccount('cat')), 140n)
  assert.deepEqual(await t.violations(), [])
})

void test('a batch that was partly posted before is refused with the id of the posted transfer', async () => {
  await using t = await openTestLedger()
  const [one, two] = [
    transfer('one', unlimitedAccount, limitedAccount('ann'), 1n),
    transfer('two', unlimitedAccount, limitedAccount('ann'), 2n),
  ]
  await t.post(one)
  await assert.rejects(
    t.post(two, one),
    refused('ledger.transfer-mismatch', new RegExp(`${one.id} was posted before, but other`)),
  )
  assert.equal(await t.available(limitedAccount('ann')), 1n)
})

void test('a batch of several assets keeps each asset at zero', async () => {
  await using t = await openTestLedger()
  const usd = (code: string) => ({ code, asset: 'USD/2', mayOverdraw: true }) as const
  await t.post(
    transfer('a', unlimitedAccount, limitedAccount('ann'), 13_000n),
    transfer('b', usd('liquidity'), usd('ann'), 100n),
  )
  assert.deepEqual(
    (await t.ledger.trialBalance(t.db)).map(({ asset, total }) => [asset, total]),
    [
      [KES, 0n],
      ['USD/2', 0n],
    ],
  )
  assert.deepEqual(await t.violations(), [])
})

void test('an account keeps the policy that it opened with', async () => {
  await using t = await openTestLedger()
  await t.fund(5n, limitedAccount('ann'))
  const other = { ...limitedAccount('ann'), mayOverdraw: true }
  const wrong = refused('ledger.bad-account', /ann: it is open as an account that may not go below zero/)
  await assert.rejects(t.post(transfer('t1', other, limitedAccount('ben'), 1n)), wrong)
  const fresh = createLedger({ clock: t.clock, log: t.log, sealKey: SEAL_KEY })
  await assert.rejects(fresh.post(t.db, [transfer('t1', other, limitedAccount('ben'), 1n)]), wrong)
  const both = [
    transfer('t2', unlimitedAccount, limitedAccount('cat'), 1n),
    transfer('t3', { ...limitedAccount('cat'), mayOverdraw: true }, unlimitedAccount, 1n),
  ]
  await assert.rejects(t.post(...both), refused('ledger.bad-account'))
})

void test('an account is opened again after its first transaction rolled back', async () => {
  await using t = await openTestLedger()
  const opening = t.db.transaction(async (tx) => {
    await t.ledger.post(tx, [transfer('t1', unlimitedAccount, limitedAccount('ann'), 5n)])
    throw new Error('changed my mind')
  })
  await assert.rejects(opening, /changed my mind/)
  assert.equal(await t.post(transfer('t2', unlimitedAccount, limitedAccount('ann'), 7n)), 'posted')
  assert.equal(await t.available(limitedAccount('ann')), 7n)
  assert.deepEqual(await t.violations(), [])
})

void test('a cached id of an account that does not exist is dropped', async () => {
  await using t = await openTestLedger()
  // Roll back a savepoint inside a transaction that commits.
  await t.db.transaction(async (tx) => {
    await tx.run(sql`savepoint before`)
    await t.ledger.post(tx, [transfer('t1', unlimitedAccount, limitedAccount('ann'), 5n)])
    await tx.run(sql`rollback to savepoint before`)
  })
  await assert.rejects(
    t.post(transfer('t2', unlimitedAccount, limitedAccount('ann'), 5n)),
    refused('ledger.unknown-account', /no account (ann|world)/),
  )
  assert.equal(await t.post(transfer('t2', unlimitedAccount, limitedAccount('ann'), 5n)), 'posted')
  assert.deepEqual(await t.violations(), [])
})

void test('several postings in one transaction open and use the same account', async () => {
  await using t = await openTestLedger()
  await t.db.transaction(async (tx) => {
    await t.ledger.post(tx, [transfer('t1', unlimitedAccount, limitedAccount('ann'), 5n)])
    await t.ledger.post(tx, [transfer('t2', limitedAccount('ann'), limitedAccount('ben'), 3n)])
  })
  assert.equal(await t.available(limitedAccount('ann')), 2n)
})

void test('the balance of a sharded account is the sum of its shards', async () => {
  await using t = await openTestLedger()
  const hot = { ...unlimitedAccount, code: 'revenue', shards: HOT_SHARDS }
  await Promise.all(Array.from({ length: 60 }, (_, i) => t.post(transfer(`t${i}`, unlimitedAccount, hot, 10n))))
  const spread = await t.db
    .one(sql`select count(*)::int as used from ledger.balances b join ledger.accounts a on a.id = b.account
    where a.code = 'revenue' and b.posted > 0`)
  assert.ok('used' in spread && Number(spread.used) > 1, 'several connections use several shards')
  assert.equal((await t.ledger.balance(t.db, 'revenue', KES)).posted, 600n)
  assert.deepEqual(
    (await t.ledger.balances(t.db, 'rev')).map(({ posted }) => posted),
    [600n],
  )
  assert.deepEqual(await t.violations(), [])
})

void test('an invalid posting is refused without a database query', async () => {
  await using t = await openTestLedger()
  const good = transfer('t1', unlimitedAccount, limitedAccount('ann'), 5n)
  const bad: [Partial<Transfer>, string, RegExp][] = [
    [{ amount: 0n }, 'ledger.bad-transfer', /above zero/],
    [{ amount: -5n }, 'ledger.bad-transfer', /above zero/],
    [{ amount: 10n ** 38n }, 'ledger.bad-transfer', /above zero/],
    [{ to: unlimitedAccount }, 'ledger.bad-transfer', /to itself/],
    [{ to: { ...limitedAccount('ann'), asset: 'USD/2' } }, 'ledger.bad-transfer', /KES\/2 into USD\/2/],
    [{ id: 'tr_1' }, 'ledger.bad-transfer', /UUID/],
    [{ kind: 'receipt' }, 'ledger.bad-transfer', /kind/],
    [{ ref: '' }, 'ledger.bad-transfer', /ref/],
    [{ to: limitedAccount('Ann Smith') }, 'ledger.bad-account', /its code/],
    [
      { to: { ...limitedAccount('ann'), shards: 4 } },
      'ledger.bad-account',
      /only an account with mayOverdraw can have shards/,
    ],
  ]
  for (const [change, code, message] of bad)
    await assert.rejects(t.post({ ...good, ...change }), refused(code, message))
  await assert.rejects(t.post(good, good), refused('ledger.bad-transfer', /twice/))
  await assert.rejects(t.post(), refused('ledger.bad-transfer', /at least one transfer/))
  const many = Array.from({ length: 1_001 }, (_, i) => transfer(`m${i}`, unlimitedAccount, limitedAccount('ann'), 1n))
  await assert.rejects(t.post(...many), refused('ledger.bad-transfer', /maximum is 1000/))
  assert.deepEqual(await t.ledger.balances(t.db, ''), [])
})
