import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawSql, sqlState } from '#platform/database/db'
import { deriveUuid } from '#platform/base/ids'
import { openTestLedger, limitedAccount, unlimitedAccount, transfer } from './fixture.ts'

const ONLY_GROWS = 'LG009'

const state = (expected: string) => (error: unknown) => {
  assert.equal(sqlState(error), expected, String(error))
  return true
}

const WRITES = [
  `update ledger.transfers set amount = 1`,
  `delete from ledger.transfers`,
  `truncate ledger.transfers`,
  `update ledger.seals set transfers = 0`,
  `delete from ledger.seals`,
  `truncate ledger.seals`,
  `update ledger.accounts set nonneg = false`,
  `delete from ledger.accounts`,
  `truncate ledger.accounts`,
  `delete from ledger.balances`,
  `truncate ledger.balances`,
]

void test('the program can write ledger tables only through functions', async () => {
  await using t = await openTestLedger()
  await t.fund(5n, limitedAccount('ann'))
  const direct = [
    ...WRITES,
    `update ledger.balances set posted = 1000000`,
    `insert into ledger.balances select account, 1::smallint, asset, nonneg, shards, posted, held from ledger.balances`,
    `insert into ledger.transfers (id, src, dst, amount, asset, kind, ref, at) values (gen_random_uuid(), 1, 2, 1, 'KES/2', 'a.b', 'c', now())`,
    `update ledger.holds set state = 'open'`,
    `delete from ledger.holds`,
    `alter table ledger.transfers disable trigger only_grows`,
    `select ledger.move(1, 'KES/2', 1000, 0, 0)`,
    `create or replace function ledger.move(bigint, text, numeric, numeric, int) returns void language sql as ''`,
    `create table ledger.more (id int)`,
  ]
  for (const statement of direct) {
    await assert.rejects(t.db.run(rawSql(statement)), /permission denied|must be owner/, statement)
  }
  assert.equal(await t.available(limitedAccount('ann')), 5n)
})

void test('the database owner cannot change written rows with a plain statement', async () => {
  await using t = await openTestLedger()
  await t.fund(5n, limitedAccount('ann'))
  await t.db.transaction((tx) => t.ledger.seal(tx))
  for (const statement of WRITES) await assert.rejects(t.owner.run(rawSql(statement)), state(ONLY_GROWS), statement)
})

void test('a CHECK on the table refuses an overdraft independently of the functions', async () => {
  await using t = await openTestLedger()
  await t.fund(5n, limitedAccount('ann'))
  const overdraft = rawSql(`update ledger.balances set posted = -1 where nonneg`)
  await assert.rejects(t.owner.run(overdraft), state('23514'))
  const held = rawSql(`update ledger.balances set held = 6 where nonneg`)
  await assert.rejects(t.owner.run(held), state('23514'))
})

void test('objects in a schema of the caller cannot shadow those that the functions use', async () => {
  await using t = await openTestLedger()
  await t.fund(5n, limitedAccount('ann'))
  const grant = `execute format('grant temporary on database %I to purser_app', current_database())`
  await t.owner.run(rawSql(`do $$ begin ${grant}; end $$`))
  await t.db.transaction(async (tx) => {
    await tx.run(rawSql('create temp table balances (account bigint)'))
    await tx.run(rawSql('create temp table transfers (id uuid)'))
    await tx.run(rawSql('set local search_path = pg_temp, public'))
    assert.equal(await t.ledger.post(tx, [transfer('t', unlimitedAccount, limitedAccount('ann'), 1n)]), 'posted')
    const hold = { id: deriveUuid('h', 'test'), account: limitedAccount('ann'), amount: 6n, expiresAt: t.clock.now() }
    assert.equal(await t.ledger.hold(tx, hold), true)
  })
})

void test('the functions refuse an unknown account, another asset, and a transfer to the payer itself', async () => {
  await using t = await openTestLedger()
  await t.fund(5n, limitedAccount('ann'))
  const rows = await t.db.many<{ id: bigint }>(rawSql('select id from ledger.accounts order by code'))
  const [ann = '', other = ''] = rows.map(({ id }) => String(id))
  const one = (dst: string, asset: string): string =>
    `select ledger.post_one(gen_random_uuid(), ${ann}, 1, ${dst}, 1, 1, '${asset}', 'a.b', 'c', now())`
  const many = (dst: string, asset: string): string =>
    `select ledger.post_many(array[gen_random_uuid(), gen_random_uuid()], array[${ann}, ${ann}]::bigint[], array[1, 1],
      array[${other}, ${dst}]::bigint[], array[1, 1], array[1, 1]::numeric[], array['KES/2', '${asset}'],
      array['a.b', 'a.b'], array['c', 'c'], now())`
  for (const post of [one, many]) {
    assert.equal(await t.db.run(rawSql(post(other, 'KES/2'))), 1)
    await assert.rejects(t.db.run(rawSql(post(ann, 'KES/2'))), state('LG006'))
    await assert.rejects(t.db.run(rawSql(post('999', 'KES/2'))), state('LG001'))
    await assert.rejects(t.db.run(rawSql(post(other, 'USD/2'))), state('LG001'))
  }
  assert.deepEqual(await t.violations(), [])
})

void test('a fraction moves the same whole amount on both sides, and NaN moves nothing', async () => {
  await using t = await openTestLedger()
  await t.fund(5n, limitedAccount('ann'))
  const post = (amount: string): Promise<number> =>
    t.db.run(
      rawSql(`select ledger.post_one(gen_random_uuid(), a.src, 1, a.dst, 1, ${amount}, asset, 'a.b', 'c', now())
        from (select max(id) filter (where nonneg) as src, max(id) filter (where not nonneg) as dst, max(asset) as asset
          from ledger.accounts) a`),
    )
  await post('0.5')
  const [row] = await t.owner.many<{ sum: bigint; least: bigint }>(
    rawSql('select sum(posted) as sum, (select min(amount) from ledger.transfers) as least from ledger.balances'),
  )
  assert.deepEqual(row, { sum: 0n, least: 1n })
  await assert.rejects(post(`'NaN'`), state('23514'))
  assert.equal(await t.available(limitedAccount('ann')), 4n)
})
