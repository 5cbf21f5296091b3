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
/** An account that may go below zero: the source of test money. */
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
  /** Moves money from the unlimited account into the given accounts. */
  fund(amount: bigint, ...accounts: Account[]): Promise<void>
  available(account: Account): Promise<bigint>
  post(...transfers: Transfer[]): Promise<'posted' | 'repeated'>
  /** Waits until a statement of another connection waits for a lock. */
  waitForBlockedStatement(): Promise<unknown>
  /** Waits until no transaction is older than the last transfer. Other tests share the server, so this can take a moment. */
  waitUntilSealable(): Promise<unknown>
  /** Returns the violations of all invariants. */
  violations(): Promise<string[]>
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
    waitForBlockedStatement: () => waitFor('a statement that waits for a lock', () => owner.maybe(WAITING)),
    waitUntilSealable: () => waitFor('older transactions to end', () => db.maybe(SEALABLE)),
    violations: () => listViolations(db),
    [Symbol.asyncDispose]: dispose,
  }
}

const listViolations = async (q: Queryable): Promise<string[]> =>
  (await Promise.all(ledgerInvariants.map((invariant) => invariant.check(q)))).flat()

/** Waits for all runs and counts their results: the value, or the error code. */
export async function countResults(runs: readonly Promise<unknown>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const result of await Promise.allSettled(runs)) {
    const name = result.status === 'fulfilled' ? String(result.value) : codeOf(result.reason)
    counts[name] = (counts[name] ?? 0) + 1
  }
  return counts
}

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error)

/** Returns a validator for `assert.rejects` that checks the error code and message. */
export const refused =
  (code: string, message = /./): ((error: unknown) => boolean) =>
  (error) => {
    assert.equal(codeOf(error), code, String(error))
    assert.match(String(error), message)
    return true
  }
