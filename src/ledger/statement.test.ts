import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KES, openTestLedger, purse, refused, transfer, world } from './fixture.ts'

void test('a statement lists what came in and went out, newest first, by pages', async () => {
  await using t = await openTestLedger()
  for (let i = 0; i < 5; i++) {
    await t.post(transfer(`in-${i}`, world, purse('ann'), 10n))
    await t.post(transfer(`out-${i}`, purse('ann'), purse('ben'), 4n))
  }
  const of = { code: 'ann', asset: KES } as const
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await t.ledger.statement(t.db, { ...of, cursor, limit: 4 })
    assert.ok(page.entries.length <= 4)
    seen.push(
      ...page.entries.map(({ direction, ref, amount, from, to }) => `${direction} ${ref} ${amount} ${from}>${to}`),
    )
    cursor = page.nextCursor
  } while (cursor)
  const expected = [4, 3, 2, 1, 0].flatMap((i) => [`out out-${i} 4 ann>ben`, `in in-${i} 10 world>ann`])
  assert.deepEqual(seen, expected)
})

void test('pages end, never exceed 100, and refuse a cursor that is not ours', async () => {
  await using t = await openTestLedger()
  await t.post(...Array.from({ length: 120 }, (_, i) => transfer(`t${i}`, world, purse('ann'), 1n)))
  const of = { code: 'ann', asset: KES } as const
  const first = await t.ledger.statement(t.db, { ...of, limit: 1_000 })
  assert.equal(first.entries.length, 100)
  const second = await t.ledger.statement(t.db, { ...of, limit: 20, cursor: first.nextCursor })
  assert.equal(second.entries.length, 20)
  assert.equal(second.nextCursor, undefined)
  assert.deepEqual(await t.ledger.statement(t.db, { ...of, code: 'nobody' }), { entries: [], nextCursor: undefined })
  await assert.rejects(t.ledger.statement(t.db, { ...of, cursor: '1; drop' }), refused('ledger.bad-cursor'))
})

void test('balances are listed by prefix, which is no pattern', async () => {
  await using t = await openTestLedger()
  const codes = ['m:a:fees', 'm:a:open', 'm:a_:open', 'm:ab:open', 'm:b:open', 'm']
  await t.fund(5n, ...codes.map(purse))
  const list = async (prefix: string, limit?: number): Promise<string[]> =>
    (await t.ledger.balances(t.db, prefix, limit)).map(({ code }) => code)
  assert.deepEqual(await list('m:a:'), ['m:a:fees', 'm:a:open'])
  assert.deepEqual(await list('m:a_'), ['m:a_:open'])
  assert.deepEqual(await list('%'), [])
  assert.deepEqual(await list('m:', 2), ['m:a:fees', 'm:a:open'])
  assert.equal((await list('')).length, 7)
})

void test('an account that was never used is empty', async () => {
  await using t = await openTestLedger()
  assert.deepEqual(await t.ledger.balance(t.db, 'nobody', KES), { posted: 0n, held: 0n, available: 0n })
})
