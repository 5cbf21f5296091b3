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
  /** Why the rail is off, and which settings to set. Undefined while the rail can be used. */
  readonly unavailable: string | undefined
}

export interface Payments extends Module {
  /** Returns the state of each rail, in the order that payers see. */
  railStates(): readonly RailState[]
  /**
   * Creates an intent. This is the hot path: one prepared statement. The same key with the same hash returns the intent as it was created
   * (`replayed`). Throws 409 `idempotency-key-reused` when the key was used with another hash.
   */
  create(q: Queryable, input: CreateIntent): Promise<CreatedIntent>
  /**
   * Returns the intent that was created with this key, as `create` would replay it; undefined when the key is unused. Callers use it to
   * repeat a request that would be refused now but was accepted the first time. Throws 409 `idempotency-key-reused` for another hash.
   */
  findCreated(q: Queryable, by: { merchantId: string; key: string; hash: string }): Promise<Intent | undefined>
  /** Returns an intent with its attempts and receipts. */
  find(q: Queryable, by: { id: string; merchantId?: string | undefined }): Promise<Intent | undefined>
  /** Lists intents, newest first, with attempts and without receipts. Throws 422 `payments.bad-cursor`. */
  list(q: Queryable, query: ListQuery): Promise<{ items: Intent[]; nextCursor?: string }>
  /** Cancels an open intent. Idempotent. Throws 404 `payments.not-found`, 409 `payments.already-paid`, `payments.attempt-in-flight`, `payments.over`. */
  cancel(by: { id: string; merchantId: string }): Promise<Intent>
  /**
   * Commits the attempt, then calls the rail and records its answer. Failures of the provider are in the attempt and never thrown.
   * Throws 404, 409 (paid, ended, in flight), 422 (method, payer, amount), 429 (limits), 503 (method off, `rates.unavailable`), all before
   * anything is sent. No attempt starts while another one can still be paid:
   * - a live prompt on a phone: throws 409 `payments.attempt-in-flight`;
   * - an open page: closes it at its provider first, and throws 409 `payments.page-open` when it stays open.
   * An intent has one address per rail: a repeat returns the same attempt with the amount that is still due.
   */
  startAttempt(input: StartAttempt): Promise<Attempt>
  /**
   * Polls the open pages of an intent at their providers now. The caller uses it when the payer returns, because events may be slower.
   * Never throws for failures of a provider, and does not change the polling schedule.
   */
  pollPages(intentId: string): Promise<void>
  /** Returns the methods with their limits in this asset. Methods that exchange have limits only after `loadPrices` fetched their price. */
  methods(asset: Asset): readonly PaymentMethod[]
  readonly exports: PaymentExports
  /** Reads and repairs for reconciliation. */
  readonly bookkeeping: Bookkeeping
  /** Handlers of provider events, which `app.ts` registers at the inbox. */
  readonly inbound: InboxHandlers
  readonly settlements: Settlements
  /** Returns totals over all merchants. The cost does not grow with the number of payments. */
  figures(q: Queryable, since: Date): Promise<Figures>
  /** Fetches the prices that `methods` needs for limits, and refreshes them in the background afterwards. Never throws. */
  loadPrices(asset: Asset): Promise<void>
  /** Stops listening for notifications of watching rails. */
  close(): Promise<void>
  /** Returns one row for each currency that the merchant ever had. */
  balance(q: Queryable, merchantId: string): Promise<MerchantBalance[]>
  /**
   * Yields the intent at once and after each new version, until the signal aborts. Changes by other processes arrive within about a
   * second. Throws 404 `payments.not-found`, 503 `payments.too-many-followers`.
   */
  follow(intentId: string, signal: AbortSignal): AsyncIterable<Intent>
  readonly refunds: Refunds
  /** Manual transfers, which an operator confirms. */
  readonly transfers: Transfers
  /** Prepaid balances of merchants' customers. */
  readonly customers: Customers
}

export interface PaymentsDeps {
  readonly db: Db
  readonly ledger: Ledger
  /** Called at each use, because the jobs are created after the modules. */
  readonly jobs: () => Pick<Jobs, 'enqueue' | 'wake' | 'instanceId' | 'giveBack'>
  readonly rails: readonly Rail[]
  /** Without rates, payers can only pay in the intent's own asset. */
  readonly rates?: Pick<Rates, 'rate' | 'quote'> | undefined
  readonly cases: Pick<Cases, 'open' | 'countOpen'>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly metrics: Metrics
  /** Start of callback URLs. A function is called at each use, for an address that is known only after the server listens. */
  readonly publicUrl: string | (() => string)
  /** Key for the tokens in callback paths, at least 32 bytes. */
  readonly callbackKey: Buffer
  /** Jobs that notify owners of changed intents, by owner. */
  readonly subscribers?: Readonly<Record<string, Job<IntentChange>>>
  readonly limits?: Partial<AttemptLimits>
  /** Returns hold days and fees of a merchant, inside the crediting transaction. Without it merchants get all money at once. */
  readonly settlementTerms?: ((q: Queryable, merchantId: string) => Promise<SettlementTerms>) | undefined
  /** Job that is enqueued when a settlement changes. */
  readonly settlementChanged?: Job<SettlementChange> | undefined
  /** Jobs that notify owners of changed refunds, by owner. */
  readonly refundSubscribers?: Readonly<Record<string, Job<RefundChange>>>
  /** Called at each use. By default refunds stay within the merchant's balance, and links are valid for 30 days. */
  readonly refunds?: () => RefundsConfig
  /** Time zone of business days; UTC by default. */
  readonly timeZone?: string | undefined
  /** Called at each use. Without it manual transfers are off. */
  readonly transfers?: () => TransfersConfig
}
