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
  /** A UUID that belongs to the event, as of a transfer. */
  readonly id: string
  /** One that may not go below zero: of another nothing can be held. */
  readonly account: Account
  /** Minor units, above zero. */
  readonly amount: bigint
  /** Freed by the sweep some seconds after this, unless it was settled or released before. */
  readonly expiresAt: Date
}

export interface Settlement {
  readonly holdId: string
  readonly transferId: string
  readonly to: Account
  /** At most what is held; the rest is free again. */
  readonly amount: bigint
  readonly kind: string
  readonly ref: string
}

export interface Balance {
  readonly posted: bigint
  /** Of it set aside. */
  readonly held: bigint
  readonly available: bigint
}

export interface Ledger extends Module {
  /**
   * Posts all or nothing, at most 1,000 transfers, and opens accounts on first use. 'repeated' when all of it was there already with the
   * same content. Post once in a transaction: two calls may deadlock with another transaction, which `db.transaction` then repeats.
   * Throws AppError `ledger.insufficient-funds` (409), `ledger.transfer-mismatch` (409, names the transfer and the field),
   * `ledger.bad-transfer`, `ledger.bad-account`, `ledger.unknown-account` (bugs of the caller, 500). After a throw the transaction is
   * over. On the pool itself, a posting is a transaction of its own.
   */
  post(q: Tx | Db, transfers: readonly Transfer[]): Promise<'posted' | 'repeated'>
  /** Sets money aside. False when the funds do not suffice; true when it is held or was, also on a repeat. Throws `ledger.hold-mismatch`. */
  hold(q: Tx | Db, hold: Hold): Promise<boolean>
  /**
   * Resolves a hold by a transfer. True when this transfer settles or settled it; false when the hold is not open (settled by another
   * transfer, released, expired, never placed). Throws `ledger.hold-exceeded`, `ledger.transfer-mismatch`.
   */
  settle(q: Tx | Db, settlement: Settlement): Promise<boolean>
  /** True when the money is free again, by this, an earlier release or expiry; false when the hold was settled or never placed. */
  release(q: Tx | Db, holdId: string): Promise<boolean>
  /** Frees holds whose time is over. @returns how many; fewer than the limit when none is left. */
  expireHolds(q: Tx | Db, limit?: number): Promise<number>
  /** In minor units. Zero for an account that was never used. */
  balance(q: Queryable, code: string, asset: Asset): Promise<Balance>
  /** By prefix of the code such as `merchant:mer_…:`, in order of the code, 1,000 at most. */
  balances(q: Queryable, prefix: string, limit?: number): Promise<BalanceRow[]>
  /** Transfers of one account, newest first; 100 a page at most. */
  statement(
    q: Queryable,
    of: { code: string; asset: Asset; cursor?: string | undefined; limit?: number },
  ): Promise<Statement>
  /**
   * What moved on all accounts with a prefix in a time, oldest first, page by page. Each page is a statement of its own: nothing is read
   * before it is asked for, and a slow reader holds nothing.
   */
  history(q: Queryable, of: HistoryQuery): AsyncGenerator<readonly HistoryLine[]>
  /** All balances of an asset together: zero, or something is broken. */
  trialBalance(q: Queryable): Promise<AssetTotal[]>
  /** Adds a seal to the chain; undefined when nothing was posted since the last. */
  seal(tx: Tx): Promise<SealResult | undefined>
  /** Replays the chain and checks the invariants. `head`: one noted earlier, which must still be in the chain. */
  verify(q: Queryable, head?: string): Promise<Verification>
}

export interface LedgerDeps {
  clock: Clock
  log: Log
  /** 32 bytes kept outside the database. */
  sealKey: Buffer
  /** For what runs by itself: sealing and the expiry of holds. Without it there are no crons. */
  db?: Db
}
