import type { Money } from '#money'
import type { Queryable, Tx } from '#platform/database/db'
import type { Outcome, Watched } from '#rails/contract'
import type { AttemptState } from '../attempts/types.ts'

/** One rail account: a rail and the account at its provider. */
export interface RailAccount {
  readonly rail: string
  readonly railAccount: string
}

/** An attempt as reconciliation sees it. */
export interface BookedAttempt {
  readonly id: string
  readonly intentId: string
  readonly merchantId: string
  readonly rail: string
  /** The provider's id of the attempt; undefined when the answer to its start was lost. */
  readonly reference: string | undefined
  readonly state: AttemptState
  /** Whether it may still bring money by itself. */
  readonly live: boolean
  readonly amount: Money
  readonly createdAt: Date
}

/** A receipt as reconciliation sees it. */
export interface BookedReceipt {
  readonly id: string
  readonly intentId: string
  readonly merchantId: string
  readonly providerId: string
  readonly number: string | undefined
  /** The amount that is believed to have arrived, in the asset that it arrived in. */
  readonly amount: Money
  /** Minor units that went back. */
  readonly reversed: bigint
  /** Whether `reversed` is in the asset that the money arrived in. */
  readonly sameAsset: boolean
  readonly takenAt: Date
}

/** Money at a provider that names no attempt of ours. */
export interface UnattributedMoney extends RailAccount {
  readonly intentId: string
  /** The provider's id of the money. Its receipt gets this id. */
  readonly providerId: string
  readonly number: string | undefined
  readonly gross: Money
  readonly at: Date
}

export interface BookingPage {
  readonly from: Date
  /** Not included. */
  readonly to: Date
  /** Id after which the page begins. */
  readonly after: string
  readonly limit: number
}

/** Access that reconciliation needs to attempts and receipts. */
export interface Bookkeeping {
  findAttempt(q: Queryable, id: string): Promise<BookedAttempt | undefined>
  findAttemptByReference(q: Queryable, account: RailAccount, reference: string): Promise<BookedAttempt | undefined>
  /** Push attempts that a statement line could belong to, by phone, amount and time. At most two: only a single one is proof. */
  findMatchingPrompts(
    q: Queryable,
    account: RailAccount,
    of: { phone: string; gross: Money; from: Date; to: Date },
  ): Promise<BookedAttempt[]>
  /** Ids of attempts of a time span that brought money, or that ended without an answer. */
  listEndedAttempts(q: Queryable, account: RailAccount, page: BookingPage): Promise<string[]>
  /** Ids of live attempts that were created before a time. */
  listStuckAttempts(
    q: Queryable,
    account: RailAccount,
    page: { before: Date; after: string; limit: number },
  ): Promise<string[]>
  /** Asks the provider about an attempt. Records nothing. Undefined when the provider could not be asked. */
  query(attemptId: string): Promise<Outcome | undefined>
  /** Records an outcome of an attempt: attempt, receipts and ledger in one transaction. Returns the attempt as it is then. */
  record(attempt: Pick<BookedAttempt, 'id' | 'intentId'>, outcome: Outcome): Promise<BookedAttempt>
  /** Receipts by the provider's ids or by the numbers that people see. */
  findReceipts(
    q: Queryable,
    account: RailAccount,
    by: { ids: readonly string[]; numbers: readonly string[] },
  ): Promise<BookedReceipt[]>
  /** Receipts of an attempt that its provider should list. */
  listReceiptsOf(q: Queryable, attemptId: string): Promise<BookedReceipt[]>
  /** Receipts of a time span that the provider should list. */
  listReceipts(q: Queryable, account: RailAccount, page: BookingPage): Promise<BookedReceipt[]>
  /** Whether the rail was used before `to`. */
  wasUsed(q: Queryable, rail: string, span: { from: Date; to: Date }): Promise<boolean>
  /** Every attempt that ever got an address of this rail. */
  listWatched(rail: string): Promise<Watched[]>
  /**
   * Runs `act` in a transaction that moves money, and retries it when a balance changes in between. `credit` counts money for a payment and
   * throws 404 `payments.not-found`, 409 `payments.case-other-currency`; `counted: false` when another payment has a receipt for it, or an
   * operator confirmed it as a manual transfer.
   */
  transact<T>(
    act: (
      tx: Tx,
      credit: (money: UnattributedMoney) => Promise<{ merchantId: string; counted: boolean }>,
    ) => Promise<T>,
  ): Promise<T>
}
