import assert from 'node:assert/strict'
import { createSetClock, type SetClock } from '#platform/base/clock'
import { rawSql, type Db, type Queryable } from '#platform/database/db'
import { createIds, deriveUuid, type Ids } from '#platform/base/ids'
import { silentLog, type Log } from '#platform/observe/log'
import { openTestDatabase } from '../../test/database.ts'
import { waitFor } from '../../test/wait.ts'
import { createLedger, ledgerInvariants, ledgerSchema, type Account, type Ledger, type Transfer } from './index.ts'

export const KES = 'KES/2'
export const SEAL_KEY = Buffer.alloc(32, 7)

/** An account that may not go below zero. */
export const limitedAccount = (code: string): Account => ({ code, asset: KES, mayOverdraw: false })
/** One that may: where the money of a test comes from. */
export const unlimitedAccount: Account = { code: 'world', asset: KES, mayOverdraw: true }

export const transfer = (id: string, from: Account, to: Account, amount: bigint): Transfer => ({
  id: deriveUuid(id, 'test'),
  from,
  to,
  amount,
  kind: 'test.move',
  ref: id,
})

const WAITING = rawSql(`select 1 as one from pg_locks where not granted
  and pid in (select pid from pg_stat_activity where datname = current_database())`)
const SEALABLE = rawSql(`select 1 as one from ledger.transfers
  having max(xid) < pg_snapshot_xmin(pg_current_snapshot())::text::bigint`)

export interface TestLedger extends AsyncDisposable {
  db: Db
  owner: Db
  ledger: Ledger
  clock: SetClock
  ids: Ids
  log: Log
  /** Puts money into accounts. */
  fund(amount: bigint, ...accounts: Account[]): Promise<void>
  available(account: Account): Promise<bigint>
  post(...transfers: Transfer[]): Promise<'posted' | 'repeated'>
  /** Until a statement of another connection waits for a lock. */
  untilWaiting(): Promise<unknown>
  /** Until no transaction is open that is older than the last transfer: other tests use the same server. */
  untilSealable(): Promise<unknown>
  /** What is broken, over all invariants. */
  broken(): Promise<string[]>
}

export async function openTestLedger(): Promise<TestLedger> {
  const { db, owner, [Symbol.asyncDispose]: dispose } = await openTestDatabase([ledgerSchema])
  const clock = createSetClock()
  const ids = createIds(clock)
  const ledger = createLedger({ clock, log: silentLog, sealKey: SEAL_KEY, db })
  const post = (...transfers: Transfer[]): Promise<'posted' | 'repeated'> =>
    db.transaction((tx) => ledger.post(tx, transfers))
  let funded = 0
  return {
    db,
    owner,
    ledger,
    clock,
    ids,
    log: silentLog,
    post,
    fund: async (amount, ...accounts) => {
      await post(...accounts.map((account) => transfer(`fund-${++funded}`, unlimitedAccount, account, amount)))
    },
    available: async ({ code, asset }) => (await ledger.balance(db, code, asset)).available,
    untilWaiting: () => waitFor('a statement that waits for a lock', () => owner.maybe(WAITING)),
    untilSealable: () => waitFor('older transactions to end', () => db.maybe(SEALABLE)),
    broken: () => listBroken(db),
    [Symbol.asyncDispose]: dispose,
  }
}

const listBroken = async (q: Queryable): Promise<string[]> =>
  (await Promise.all(ledgerInvariants.map((invariant) => invariant.check(q)))).flat()

/** Runs all at once and counts how each ended: its value, or its error's code. */
export async function tally(runs: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const result of await Promise.allSettled(runs)) {
    const name = result.status === 'fulfilled' ? String(result.value) : codeOf(result.reason)
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error)

/** An assertion for `assert.rejects`: this code, and a message like that. */
export const refused =
  (code: string, message = /./): ((error: unknown) => boolean) =>
  (error) => {
    assert.equal(codeOf(error), code, String(error))
    assert.match(String(error), message)
    return true
  }
