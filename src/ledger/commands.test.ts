import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { rawSql } from '#platform/database/db'
import { createMasterKey } from '#platform/environment/masterkey'
import type { CliContext } from '#platform/runtime/module'
import { openTestLedger, limitedAccount, refused, transfer, unlimitedAccount, type TestLedger } from './fixture.ts'

/** Runs `npx purser …` and returns its output: lines, and rows as arrays of objects. */
async function purser(t: TestLedger, ...args: string[]): Promise<unknown[]> {
  const printed: unknown[] = []
  const program = new Command('purser').exitOverride().configureOutput({ writeErr: () => undefined })
  const context: CliContext = {
    db: t.db,
    actor: { type: 'cli', id: 'test' },
    clock: t.clock,
    ids: t.ids,
    mode: 'sandbox',
    masterKey: createMasterKey([{ version: 1, key: Buffer.alloc(32, 1) }]),
    log: t.log,
    record: () => Promise.resolve(),
    print: (what) => void printed.push(what),
    note: (line) => void printed.push(line),
  }
  t.ledger.commands?.(program, () => Promise.resolve(context))
  await program.parseAsync(['ledger', ...args], { from: 'user' })
  return printed
}

void test('npx purser ledger shows balances, a statement and the trial balance', async () => {
  await using t = await openTestLedger()
  await t.fund(12_345n, limitedAccount('ann'))
  await t.post(transfer('t', limitedAccount('ann'), limitedAccount('ben'), 45n))
  assert.deepEqual(await purser(t, 'trial-balance'), [[{ asset: 'KES/2', total: '0.00', accounts: 3 }]])
  assert.deepEqual(await purser(t, 'balances', 'a'), [
    [{ code: 'ann', asset: 'KES/2', balance: '123.00', held: '0.00' }],
  ])
  const [rows, more] = await purser(t, 'statement', 'ann', 'kes', '--limit', '1')
  assert.deepEqual(
    (rows as Record<string, unknown>[]).map(({ in: into, out, other, ref }) => ({ in: into, out, other, ref })),
    [{ in: '', out: '0.45', other: 'ben', ref: 't' }],
  )
  const cursor = /--cursor (\d+)/.exec(String(more))?.[1] ?? ''
  const [older] = await purser(t, 'statement', 'ann', 'KES/2', '--cursor', cursor)
  assert.deepEqual(
    (older as Record<string, unknown>[]).map((row) => row['in']),
    ['123.45'],
  )
})

void test('npx purser ledger verify confirms an intact ledger, or lists problems and fails', async () => {
  await using t = await openTestLedger()
  await t.post(transfer('t', unlimitedAccount, limitedAccount('ann'), 45n))
  assert.match(
    (await purser(t, 'verify')).join('\n'),
    /1 transfers, 0 of them under 0 seals; head none yet\nThe ledger is intact/,
  )
  await t.owner.run(rawSql('update ledger.balances set posted = posted + 1 where nonneg'))
  await assert.rejects(purser(t, 'verify'), refused('ledger.broken', /has 2 problems/))
  await assert.rejects(purser(t, 'verify', '--head', 'beef'), refused('ledger.broken', /has 3 problems/))
})

void test('invalid arguments are refused in one line', async () => {
  await using t = await openTestLedger()
  await assert.rejects(purser(t, 'statement', 'ann', 'ZZZ'), /not a supported currency/)
  await assert.rejects(purser(t, 'statement', 'ann'), /missing required argument 'asset'/)
  await assert.rejects(purser(t, 'balances', '--limit', '0'), /from 1 to 1000/)
  assert.equal(t.ledger.name, 'ledger')
})
