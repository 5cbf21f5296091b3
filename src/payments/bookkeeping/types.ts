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
  /** Whether the attempt can still be paid. */
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
  /** Amount that arrived, in the asset in which it arrived. */
  readonly amount: Money
  /** Reversed amount in minor units. */
  readonly reversed: bigint
  /** Whether `reversed` is in the asset that the money arrived in. */
  readonly sameAsset: boolean
  readonly takenAt: Date
}

/** Money at a provider without a known attempt. */
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
  /** Exclusive end. */
  readonly to: Date
  /** Id after which the page begins. */
  readonly after: string
  readonly limit: number
}

/** Reads and repairs of attempts and receipts for reconciliation. */
export interface Bookkeeping {
  findAttempt(q: Queryable, id: string): Promise<BookedAttempt | undefined>
  findAttemptByReference(q: Queryable, account: RailAccount, reference: string): Promise<BookedAttempt | undefined>
  /** Finds push attempts that match a line of the provider's list by phone, amount and time. Returns at most two: only a single match is proof. */
  findMatchingPrompts(
    q: Queryable,
    account: RailAccount,
    of: { phone: string; gross: Money; from: Date; to: Date },
  ): Promise<BookedAttempt[]>
  /** Lists ids of attempts of a time span that have a receipt, or that ended without an answer. */
  listEndedAttempts(q: Queryable, account: RailAccount, page: BookingPage): Promise<string[]>
  /** Lists ids of live attempts that were created before a time. */
  listStuckAttempts(
    q: Queryable,
    account: RailAccount,
    page: { before: Date; after: string; limit: number },
  ): Promise<string[]>
  /** Queries the provider for an attempt, and records nothing. Returns undefined when the query failed. */
  query(attemptId: string): Promise<Outcome | undefined>
  /** Records an outcome of an attempt: attempt, receipts and ledger in one transaction. Returns the attempt after it. */
  record(attempt: Pick<BookedAttempt, 'id' | 'intentId'>, outcome: Outcome): Promise<BookedAttempt>
  /** Finds receipts by provider id, or by the receipt number that people see. */
  findReceipts(
    q: Queryable,
    account: RailAccount,
    by: { ids: readonly string[]; numbers: readonly string[] },
  ): Promise<BookedReceipt[]>
  /** Finds receipts of manual transfers that an operator confirmed under one of these numbers. */
  findManualReceipts(q: Queryable, numbers: readonly string[]): Promise<BookedReceipt[]>
  /** Lists the receipts of an attempt that its provider should list. */
  listReceiptsOf(q: Queryable, attemptId: string): Promise<BookedReceipt[]>
  /** Lists the receipts of a time span that the provider should list. */
  listReceipts(q: Queryable, account: RailAccount, page: BookingPage): Promise<BookedReceipt[]>
  /** Returns whether the rail was used before `to`. */
  wasUsed(q: Queryable, rail: string, span: { from: Date; to: Date }): Promise<boolean>
  /** Lists every attempt that ever got an address of this rail. */
  listWatched(rail: string): Promise<Watched[]>
  /**
   * Runs `act` in a transaction that moves money, and retries it when a balance changes in between. `credit` counts money for a payment.
   * It returns `counted: false` when another payment has a receipt for the money, or an operator confirmed it as a manual transfer.
   * Throws 404 `payments.not-found`, 409 `payments.case-other-currency`.
   */
  transact<T>(
    act: (
      tx: Tx,
      credit: (money: UnattributedMoney) => Promise<{ merchantId: string; counted: boolean }>,
    ) => Promise<T>,
  ): Promise<T>
}
