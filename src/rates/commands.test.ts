import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { openTestDatabase } from '../../test/database.ts'
import { addMs, createSetClock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { createIds } from '#platform/base/ids'
import { silentLog } from '#platform/observe/log'
import { createMasterKey } from '#platform/environment/masterkey'
import type { CliContext } from '#platform/runtime/module'
import { fraction } from './fraction.ts'
import { ratesCommands } from './commands.ts'
import { ratesSchema } from './index.ts'
import { claimSources, saveAnswer, saveFailure, saveValues } from './store.ts'

const clock = createSetClock()

/** Returns the output of `npx purser rates show …`: tables as arrays of objects. */
async function show(db: Db, ...currencies: string[]): Promise<unknown[]> {
  const printed: unknown[] = []
  const program = new Command('purser').exitOverride().configureOutput({ writeErr: () => undefined })
  const context: CliContext = {
    ...{ db, clock, ids: createIds(clock), mode: 'sandbox', log: silentLog, actor: { type: 'cli', id: 'test' } },
    masterKey: createMasterKey([{ version: 1, key: Buffer.alloc(32, 1) }]),
    record: () => Promise.resolve(),
    print: (what) => void printed.push(what),
    note: (line) => void printed.push(line),
  }
  ratesCommands(program, () => Promise.resolve(context))
  await program.parseAsync(['rates', 'show', ...currencies], { from: 'user' })
  return printed
}

void test('purser rates show prints the state of the sources and the last good prices, without a request', async () => {
  await using database = await openTestDatabase([ratesSchema])
  const { db } = database
  assert.deepEqual(await show(db), [
    'No price source has been queried yet. The running program queries them when it needs a price.',
  ])
  const now = clock.now()
  const at = addMs(now, -90_000)
  const due = { now: at, before: at, after: now }
  assert.deepEqual((await claimSources(db, ['kraken', 'coinbase'], due)).toSorted(), ['coinbase', 'kraken'])
  await saveAnswer(db, 'kraken', [{ base: 'BTC', quote: 'USD', price: '65000.10', at }], at)
  await saveFailure(db, 'coinbase', { problem: 'asks for fewer requests', now, retryAt: addMs(now, 60_000) })
  assert.equal((await show(db)).at(-1), 'No price is known yet.')
  await db.transaction(async (tx) => {
    const value = (numerator: bigint, denominator: bigint) => ({
      ...{ value: fraction(numerator, denominator), at, sources: ['kraken'] },
    })
    await saveValues(tx, new Map(Object.entries({ BTC: value(650_001n, 10n), KES: value(2n, 259n) })))
  })
  const [sources, prices] = await show(db, 'btc')
  const none = { not_before: undefined, excluded_for: '' }
  assert.deepEqual(sources, [
    {
      ...{ source: 'coinbase', asked: '90 s ago', answered: '', prices: 0, problem: 'asks for fewer requests' },
      ...{ ...none, not_before: '2026-01-15T09:01:00.000Z' },
    },
    { source: 'kraken', asked: '90 s ago', answered: '90 s ago', prices: 1, problem: null, ...none },
  ])
  assert.deepEqual(prices, [{ currency: 'BTC', usd: '65000.1', age: '90 s ago', sources: 'kraken' }])
  await assert.rejects(show(db, 'KEX'), /KEX is not a known currency/)
})
