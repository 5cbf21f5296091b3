import type { Clock } from '#platform/base/clock'
import type { Db, Queryable, Tx } from '#platform/database/db'
import type { Log } from '#platform/observe/log'
import type { Module } from '#platform/runtime/module'
import type { Asset } from '#money'
import type { HistoryQuery, HistoryLine } from './history.ts'
import type { SealResult } from './seal.ts'
import type { Statement } from './statement.ts'
import type { AssetTotal, BalanceRow } from './store.ts'
import type { Account, Transfer } from './transfer.ts'
import type { Verification } from './verify.ts'

export interface Hold {
  /** A UUID derived from the event, as for a transfer. */
  readonly id: string
  /** An account that may not go below zero. Money of other accounts cannot be held. */
  readonly account: Account
  /** Minor units, above zero. */
  readonly amount: bigint
  /** The sweep releases an open hold some seconds after this time. */
  readonly expiresAt: Date
}

export interface Settlement {
  readonly holdId: string
  readonly transferId: string
  readonly to: Account
  /** At most the held amount. The rest becomes available again. */
  readonly amount: bigint
  readonly kind: string
  readonly ref: string
}

export interface Balance {
  readonly posted: bigint
  /** The reserved part of `posted`. */
  readonly held: bigint
  readonly available: bigint
}

export interface Ledger extends Module {
  /**
   * Posts all transfers or none, at most 1,000, and opens accounts on first use. Returns 'repeated' when all of them were posted before
   * with the same content. Post once in a transaction: two calls may deadlock with another transaction, which `db.transaction` then retries.
   * Throws AppError `ledger.insufficient-funds` (409), `ledger.transfer-mismatch` (409, names the transfer and the field),
   * `ledger.bad-transfer`, `ledger.bad-account`, `ledger.unknown-account` (bugs of the caller, 500). After a throw the transaction is
   * aborted. Without a caller's transaction a posting runs in its own transaction.
   */
  post(q: Tx | Db, transfers: readonly Transfer[]): Promise<'posted' | 'repeated'>
  /** Reserves money. True when it is held, now or before; false when the funds are insufficient. Throws `ledger.hold-mismatch`. */
  hold(q: Tx | Db, hold: Hold): Promise<boolean>
  /**
   * Resolves a hold by a transfer. True when this transfer settles or settled it; false when the hold is not open (settled by another
   * transfer, released, expired, never placed). Throws `ledger.hold-exceeded`, `ledger.transfer-mismatch`.
   */
  settle(q: Tx | Db, settlement: Settlement): Promise<boolean>
  /** True when the hold is released or expired, now or before; false when it was settled or never placed. */
  release(q: Tx | Db, holdId: string): Promise<boolean>
  /** Expires due holds. @returns how many; fewer than the limit when none are left. */
  expireHolds(q: Tx | Db, limit?: number): Promise<number>
  /** Returns minor units. Zero for an account that was never used. */
  balance(q: Queryable, code: string, asset: Asset): Promise<Balance>
  /** Lists balances by code prefix such as `merchant:mer_…:`, sorted by code, at most 1,000. */
  balances(q: Queryable, prefix: string, limit?: number): Promise<BalanceRow[]>
  /** Lists the transfers of one account, newest first, at most 100 per page. */
  statement(
    q: Queryable,
    of: { code: string; asset: Asset; cursor?: string | undefined; limit?: number },
  ): Promise<Statement>
  /**
   * Streams the transfers of all accounts with a prefix in a time range, oldest first, page by page. Each page is a separate statement that
   * runs when the reader requests it, so a slow reader keeps nothing open.
   */
  history(q: Queryable, of: HistoryQuery): AsyncGenerator<readonly HistoryLine[]>
  /** Returns the sum of all balances per asset. A sum other than zero is a bug. */
  trialBalance(q: Queryable): Promise<AssetTotal[]>
  /** Adds a seal to the chain. Returns undefined when nothing was posted since the last seal. */
  seal(tx: Tx): Promise<SealResult | undefined>
  /** Replays the chain and checks the invariants. `head` is a digest noted earlier that must still be in the chain. */
  verify(q: Queryable, head?: string): Promise<Verification>
}

export interface LedgerDeps {
  clock: Clock
  log: Log
  /** 32 bytes kept outside the database. */
  sealKey: Buffer
  /** Used by the crons, which seal and expire holds. Without it there are no crons. */
  db?: Db
}
