import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMs } from '#platform/base/clock'
import { KES, openTestLedger, limitedAccount, refused, transfer, unlimitedAccount } from './fixture.ts'

void test('a statement lists incoming and outgoing transfers, newest first, in pages', async () => {
  await using t = await openTestLedger()
  for (let i = 0; i < 5; i++) {
    await t.post(transfer(`in-${i}`, unlimitedAccount, limitedAccount('ann'), 10n))
    await t.post(transfer(`out-${i}`, limitedAccount('ann'), limitedAccount('ben'), 4n))
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

void test('pages end, hold at most 100 entries, and refuse a malformed cursor', async () => {
  await using t = await openTestLedger()
  await t.post(...Array.from({ length: 120 }, (_, i) => transfer(`t${i}`, unlimitedAccount, limitedAccount('ann'), 1n)))
  const of = { code: 'ann', asset: KES } as const
  const first = await t.ledger.statement(t.db, { ...of, limit: 1_000 })
  assert.equal(first.entries.length, 100)
  const second = await t.ledger.statement(t.db, { ...of, limit: 20, cursor: first.nextCursor })
  assert.equal(second.entries.length, 20)
  assert.equal(second.nextCursor, undefined)
  assert.deepEqual(await t.ledger.statement(t.db, { ...of, code: 'nobody' }), { entries: [], nextCursor: undefined })
  await assert.rejects(t.ledger.statement(t.db, { ...of, cursor: '1; drop' }), refused('ledger.bad-cursor'))
})

void test('balances are listed by literal prefix, without patterns', async () => {
  await using t = await openTestLedger()
  const codes = ['m:a:fees', 'm:a:open', 'm:a_:open', 'm:ab:open', 'm:b:open', 'm']
  await t.fund(5n, ...codes.map(limitedAccount))
  const list = async (prefix: string, limit?: number): Promise<string[]> =>
    (await t.ledger.balances(t.db, prefix, limit)).map(({ code }) => code)
  assert.deepEqual(await list('m:a:'), ['m:a:fees', 'm:a:open'])
  assert.deepEqual(await list('m:a_'), ['m:a_:open'])
  assert.deepEqual(await list('%'), [])
  assert.deepEqual(await list('m:', 2), ['m:a:fees', 'm:a:open'])
  assert.equal((await list('')).length, 7)
})

void test('an account that was never used has a zero balance', async () => {
  await using t = await openTestLedger()
  assert.deepEqual(await t.ledger.balance(t.db, 'nobody', KES), { posted: 0n, held: 0n, available: 0n })
})

void test('a history lists every movement of the accounts of an owner in a time range, oldest first, for any page size', async () => {
  await using t = await openTestLedger()
  const { clock } = t
  const from = addMs(clock.now(), 60_000)
  await t.post(transfer('early', unlimitedAccount, limitedAccount('m:1:a'), 1000n))
  clock.advance(60_000)
  for (let i = 0; i < 9; i++) {
    await t.post(transfer(`in-${i}`, unlimitedAccount, limitedAccount('m:1:a'), 10n))
    await t.post(transfer(`over-${i}`, limitedAccount('m:1:a'), limitedAccount('m:1:b'), 1n))
    await t.post(transfer(`other-${i}`, unlimitedAccount, limitedAccount('m:2:a'), 10n))
    clock.advance(1000)
  }
  const to = clock.now()
  await t.post(transfer('late', unlimitedAccount, limitedAccount('m:1:a'), 10n))
  const expected = Array.from({ length: 9 }, (_, i) => [
    `in-${i} m:1:a in 10`,
    `over-${i} m:1:b in 1`,
    `over-${i} m:1:a out 1`,
  ]).flat()
  for (const pageRows of [2, 3, 4, 1000]) {
    const seen: string[] = []
    for await (const page of t.ledger.history(t.db, { prefix: 'm:1:', from, to, pageRows })) {
      assert.ok(page.length <= pageRows)
      seen.push(...page.map(({ ref, account, direction, amount }) => `${ref} ${account} ${direction} ${amount}`))
    }
    assert.deepEqual(seen, expected, `${pageRows} rows per page`)
  }
  for await (const page of t.ledger.history(t.db, { prefix: 'm:3:', from, to })) assert.fail(JSON.stringify(page))
})

void test('a history finds its start and end among many transfers and reads only its time range', async () => {
  await using t = await openTestLedger()
  for (let i = 0; i < 40; i++) {
    await t.post(transfer(`t${i}`, unlimitedAccount, limitedAccount('m:1:a'), 1n))
    t.clock.advance(3_600_000)
  }
  const from = addMs(t.clock.now(), -30 * 3_600_000)
  let read = 0
  const q = {
    ...t.db,
    many: <Row extends object>(statement: Parameters<typeof t.db.many>[0]) => (read++, t.db.many<Row>(statement)),
  }
  const seen: string[] = []
  const of = { prefix: 'm:1:', from, to: addMs(from, 5 * 3_600_000), pageRows: 2 }
  for await (const page of t.ledger.history(q, of)) seen.push(...page.map(({ ref }) => ref))
  assert.deepEqual(seen, ['t10', 't11', 't12', 't13', 't14'])
  assert.ok(read <= 8, `${read} statements`)
})
