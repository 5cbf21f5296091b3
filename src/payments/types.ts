import type { Cases } from '#cases'
import type { InboxHandlers } from '#inbox'
import type { Ledger } from '#ledger'
import type { Asset } from '#money'
import type { Clock } from '#platform/base/clock'
import type { Db, Queryable } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import type { Job, Jobs } from '#platform/runtime/jobs'
import type { Log } from '#platform/observe/log'
import type { Metrics } from '#platform/observe/metrics'
import type { Module } from '#platform/runtime/module'
import type { Rail } from '#rails/contract'
import type { Rates } from '#rates'
import type { Attempt, AttemptLimits, PaymentMethod, StartAttempt } from './attempts/types.ts'
import type { Bookkeeping } from './bookkeeping/types.ts'
import type { PaymentExports } from './exports/types.ts'
import type {
  CreateIntent,
  CreatedIntent,
  Figures,
  Intent,
  IntentChange,
  ListQuery,
  MerchantBalance,
} from './intents/types.ts'
import type { TransfersConfig } from './methods/config.ts'
import type { Customers, Transfers } from './methods/types.ts'
import type { RefundsConfig } from './refunds/config.ts'
import type { RefundChange, Refunds } from './refunds/types.ts'
import type { SettlementChange, SettlementTerms, Settlements } from './settlements/types.ts'

export interface RailState {
  readonly name: string
  /** A sentence for operators that names the settings to set; undefined while the rail can be used. */
  readonly unavailable: string | undefined
}

export interface Payments extends Module {
  /** Every rail, in the order that payers see, and why it is off if it is. */
  railStates(): readonly RailState[]
  /**
   * The hot path: one prepared statement. The same key with the same hash gives the intent as it was created (`replayed`); with another
   * hash throws 409 `idempotency-key-reused`.
   */
  create(q: Queryable, input: CreateIntent): Promise<CreatedIntent>
  /**
   * The intent that was created with this key, as `create` would replay it; undefined when the key is free. For requests that would be
   * refused by now, though they were not when they first came. Throws 409 `idempotency-key-reused` for another hash.
   */
  findCreated(q: Queryable, by: { merchantId: string; key: string; hash: string }): Promise<Intent | undefined>
  /** With attempts and receipts. */
  find(q: Queryable, by: { id: string; merchantId?: string | undefined }): Promise<Intent | undefined>
  /** Newest first, with attempts, without receipts. Throws 422 `payments.bad-cursor`. */
  list(q: Queryable, query: ListQuery): Promise<{ items: Intent[]; nextCursor?: string }>
  /** Repeatable. Throws 404 `payments.not-found`, 409 `payments.already-paid`, `payments.attempt-in-flight`, `payments.over`. */
  cancel(by: { id: string; merchantId: string }): Promise<Intent>
  /**
   * Commits the attempt, then asks the rail and records what it said. Never throws for what the provider did: that is in the attempt.
   * Throws 404, 409 (paid, over, in flight), 422 (method, payer, amount), 429 (limits), 503 (method off, `rates.unavailable`), all before
   * anything was sent. While an attempt can still be paid no other one starts: a live prompt refuses it (409 `payments.attempt-in-flight`). An
   * open page is closed at its provider first, and refuses it (409 `payments.page-open`) when it stays open. One address serves a whole intent: asked again, the same attempt comes back, with what is still due.
   */
  startAttempt(input: StartAttempt): Promise<Attempt>
  /**
   * Asks the providers now what became of the pages that the payer has begun on, because the payer is back: their own news may be slower.
   * Never throws for what a provider did, and leaves the pace of polling as it is.
   */
  pollPages(intentId: string): Promise<void>
  /** Their limits in this asset: of those that exchange, as far as `learnPrices` has been told. */
  methods(asset: Asset): readonly PaymentMethod[]
  readonly exports: PaymentExports
  /** Reads and repairs for reconciliation. */
  readonly bookkeeping: Bookkeeping
  /** Handlers of provider events, which `app.ts` registers at the inbox. */
  readonly inbound: InboxHandlers
  readonly settlements: Settlements
  /** How business goes, over all merchants. Cheap however many payments there are. */
  figures(q: Queryable, since: Date): Promise<Figures>
  /** Before `methods`: the prices that limits need. Asks once, then keeps them fresh in the background. Never throws. */
  learnPrices(asset: Asset): Promise<void>
  /** Stops listening for news of watching rails. */
  close(): Promise<void>
  /** One row per currency the merchant ever had. */
  balance(q: Queryable, merchantId: string): Promise<MerchantBalance[]>
  /**
   * Yields the intent at once and after each new version, until the signal fires. Changes of other processes are seen within about a
   * second. Throws 404 `payments.not-found`, 503 `payments.too-many-followers`.
   */
  follow(intentId: string, signal: AbortSignal): AsyncIterable<Intent>
  readonly refunds: Refunds
  /** Transfers by hand, which a person confirms. */
  readonly transfers: Transfers
  /** Prepaid balances of merchants' customers. */
  readonly customers: Customers
}

export interface PaymentsDeps {
  readonly db: Db
  readonly ledger: Ledger
  /** Asked at use: the jobs are built from the modules, so they come later. */
  readonly jobs: () => Pick<Jobs, 'enqueue' | 'wake'>
  readonly rails: readonly Rail[]
  /** Without it nothing is taken in another asset than it is owed in. */
  readonly rates?: Pick<Rates, 'rate' | 'quote'> | undefined
  readonly cases: Pick<Cases, 'open' | 'countOpen'>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly metrics: Metrics
  /** What callback URLs start with. A function is asked at use, for an address known only once the server listens. */
  readonly publicUrl: string | (() => string)
  /** At least 32 bytes: makes the tokens in callback paths. */
  readonly callbackKey: Buffer
  /** The job of each owner that wants to be told of changes. */
  readonly subscribers?: Readonly<Record<string, Job<IntentChange>>>
  readonly limits?: Partial<AttemptLimits>
  /** When and how much of what comes a merchant gets; at once and all of it without. Asked in the transaction that credits. */
  readonly settlementTerms?: ((q: Queryable, merchantId: string) => Promise<SettlementTerms>) | undefined
  /** The job that hears of settlements. */
  readonly settlementChanged?: Job<SettlementChange> | undefined
  /** The job of each owner that wants to be told of refunds. */
  readonly refundSubscribers?: Readonly<Record<string, Job<RefundChange>>>
  /** Asked at each use. By default refunds stay within the merchant's balance, and links are good for 30 days. */
  readonly refunds?: () => RefundsConfig
  /** Whose days are compared with providers: UTC's by default. */
  readonly timeZone?: string | undefined
  /** Asked at each use. Without it there are no transfers by hand. */
  readonly transfers?: () => TransfersConfig
}
