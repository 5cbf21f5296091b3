import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transfer } from '#ledger'
import { type Db, sql, type Tx } from '#platform/database/db'
import { openTestDatabase } from '../../../test/database.ts'
import { waitFor } from '../../../test/wait.ts'
import { cardAttempt, KES, kes, MERCHANT, openTrial, received, schemas, deliverEvent, type Trial } from '../fixture.ts'
import { lockAccount } from '../store/receipts.ts'

const DAY_MS = 24 * 60 * 60_000
const terms = { holdDays: 2, feeBps: 0, feeFixed: {} }

async function paid(trial: Trial): Promise<{ id: string; intentId: string }> {
  const attempt = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: attempt.id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  return attempt
}

const moved = (trial: Trial, of: 'available' | 'debt', amount: bigint): Transfer => ({
  id: trial.ids.uuid(),
  from: { code: `merchant:${MERCHANT}:${of}`, asset: KES, mayOverdraw: of === 'debt' },
  to: { code: 'world', asset: KES, mayOverdraw: true },
  amount,
  kind: 'test.moved',
  ref: 'x',
})

const someoneWaits = (owner: Db): Promise<boolean> =>
  waitFor('a transaction that waits for the lock', async () => {
    const waiting = await owner.many(sql`select 1 as one from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`)
    return waiting.length > 0
  })

/** Runs a transaction that holds the debt lock like a reversal. It ends once another transaction waits for the lock or has passed it. */
async function withDebt(trial: Trial, owner: Db, act: (tx: Tx) => Promise<void>, beside: () => Promise<unknown>) {
  let other: Promise<unknown> | undefined
  await trial.db.transaction(async (tx) => {
    await lockAccount(tx, `merchant:${MERCHANT}:debt ${KES}`)
    other = beside()
    await Promise.race([other.catch(() => undefined), someoneWaits(owner)])
    await act(tx)
  })
  await other
}

void test('a settlement repays a debt that a concurrent reversal creates', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms })
  await paid(trial)
  await withDebt(
    trial,
    database.owner,
    async (tx) => void (await trial.ledger.post(tx, [moved(trial, 'debt', 40_000n)])),
    () => trial.pass(2 * DAY_MS),
  )
  assert.deepEqual([await trial.available(), await trial.debt()], [110_000n, 0n])
})

void test('a refund beyond the balance takes the debt lock before all other locks that a reversal needs', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial({ ...database, terms, refunds: { beyondBalance: 'debt', claimDays: 30 } })
  const { id, intentId } = await paid(trial)
  await trial.pass(2 * DAY_MS)
  await trial.pass()
  await trial.ledger.post(trial.db, [moved(trial, 'available', 150_000n)])
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_2', gross: kes(150_000n) }))
  await withDebt(
    trial,
    database.owner,
    async (tx) => {
      await tx.run(sql`select id from payments.settlements where state = 'pending' for no key update nowait`)
    },
    () => trial.payments.refunds.create({ intentId, merchantId: MERCHANT, way: 'claim' }),
  )
  await trial.booksHold()
})
