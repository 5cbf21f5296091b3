import type { Asset, Money } from '#money'
import type { Ledger } from '#ledger'
import type { Clock } from '#platform/clock'
import type { Db, Queryable } from '#platform/db'
import type { Ids } from '#platform/ids'
import type { Job, Jobs } from '#platform/jobs'
import type { Log } from '#platform/log'
import type { Metrics } from '#platform/metrics'
import type { Module } from '#platform/module'
import type { Reconciliation } from './reconciliation/cases.ts'
import type { PaymentExports } from './exports.ts'
import type { AttemptLimits } from './limits.ts'
import type { Settlements } from './settlements/settlements.ts'
import type { SettlementChange } from './settlements/tell.ts'
import type { SettlementTerms } from './settlements/terms.ts'
import type { AmountLimits, CollectKind, FailureReason, Payer, Rail } from './rail.ts'
import type { Customers } from './own/customers.ts'
import type { TransfersConfig } from './own/config.ts'
import type { Transfers } from './own/transfers.ts'
import type { Rates } from '#rates'
import type { Exchange } from './exchange.ts'
import type { RefundsConfig } from './refunds/config.ts'
import type { RefundChange, Refunds } from './refunds/face.ts'
import type { AttemptState, Flags, IntentStatus } from './state.ts'

/** What is owed, to whom, for what, until when. */
export interface Intent {
  /** `pay_…` */
  readonly id: string
  readonly merchantId: string
  /** The module that made it and hears of its changes: `gateway`. */
  readonly owner: string
  readonly livemode: boolean
  readonly amount: Money
  /** What arrived and was not taken back. */
  readonly received: Money
  /** What of `reversed` was given back on purpose, by refunds here or at the provider, and stayed so. */
  readonly refunded: Money
  /** What went back to payers: refunds, and what providers took back (chargeback, failed after paid). */
  readonly reversed: Money
  readonly status: IntentStatus
  readonly flags: Flags
  readonly methods: readonly string[]
  readonly description: string
  readonly reference: string | undefined
  readonly customer: Customer | undefined
  /** What is paid goes to the customer's prepaid balance. */
  readonly topUp: boolean
  readonly returnUrl: string | undefined
  readonly metadata: Readonly<Record<string, string>>
  readonly terms: Terms
  /** Grows with every change that shows. */
  readonly version: number
  readonly expiresAt: Date
  readonly canceledAt: Date | undefined
  readonly createdAt: Date
  /** Oldest first. */
  readonly attempts: readonly Attempt[]
  /** Oldest first. Empty in lists. */
  readonly receipts: readonly Receipt[]
  /** Money that came in another asset, was not exchanged and counts for nothing: what of each arrival is left. */
  readonly uncounted?: readonly Money[] | undefined
}

export interface Customer {
  /** The merchant's own name for them: says whose prepaid balance it is. No personal data. */
  readonly id?: string | undefined
  readonly name?: string | undefined
  readonly email?: string | undefined
  readonly phone?: string | undefined
}

/** What the payer is shown, as it was when the intent was made. */
export interface Terms {
  readonly merchantName: string
  readonly [name: string]: string
}

export interface NewIntent {
  readonly merchantId: string
  readonly owner: string
  readonly livemode: boolean
  readonly amount: Money
  /** The methods the payer may choose from; at least one. */
  readonly methods: readonly string[]
  readonly description?: string | undefined
  readonly reference?: string | undefined
  readonly customer?: Customer | undefined
  readonly returnUrl?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly terms: Terms
  readonly expiresAt: Date
  /** What is paid goes to the prepaid balance of `customer.id`, which must be there, and not to the merchant. */
  readonly topUp?: boolean | undefined
  /** Whether the owner's job is told of the creation too. Costs an outbox row. */
  readonly announce?: boolean | undefined
}

/** One try on one rail. */
export interface Attempt {
  /** `att_…` */
  readonly id: string
  readonly intentId: string
  readonly method: string
  readonly rail: string
  /** `push`: the payer was prompted. `page`: the payer goes to `redirectUrl`. `address`, `transfer`: the payer sends to `address`. */
  readonly kind: CollectKind
  /** What was asked for: in another asset than the intent's where the rail takes only that. */
  readonly amount: Money
  readonly status: AttemptState
  /** Why it failed. */
  readonly reason: FailureReason | undefined
  /** The last refusal on an attempt that can still be paid (a card page lets the payer try another card). */
  readonly declined: FailureReason | undefined
  readonly redirectUrl: string | undefined
  /** Where the payer sends to: of a transfer, lines of text. */
  readonly address: string | undefined
  /** What the payer writes on a transfer. */
  readonly code: string | undefined
  /** When the payer said that a transfer was sent. */
  readonly sentAt: Date | undefined
  /** Asks a wallet for what is due; undefined when nothing is. */
  readonly paymentUri: string | undefined
  /** Of the amount, what is still to be sent to the address. */
  readonly due: Money | undefined
  /** The rate that the amount was made by, when it is in another asset than the intent's. */
  readonly exchange: Exchange | undefined
  /** Money that was seen at the address, final or not, oldest first. */
  readonly sightings: readonly Sighting[]
  /** Masked, `2547*****678`. */
  readonly phone: string | undefined
  /** Until when the payer can pay on it: the end of a prompt, the last day of a transfer. Undefined where only the provider knows. */
  readonly endsAt: Date | undefined
  readonly createdAt: Date
}

/** Money that was seen at an address. */
export interface Sighting {
  /** Of the receipt that it is or will be: `txid:vout`. */
  readonly providerId: string
  readonly attemptId: string
  readonly amount: Money
  /** `seen`: not final. `final`: counted. `gone`: replaced, or taken back. */
  readonly state: 'seen' | 'final' | 'gone'
  readonly late: boolean
  /** When it was first seen. */
  readonly at: Date
  readonly confirmations: { readonly have: number; readonly need: number } | undefined
  /** Final, and easier to take back than usual. */
  readonly risk: 'unconfirmed' | undefined
}

/** One arrival of money. */
export interface Receipt {
  /** `rcp_…` */
  readonly id: string
  readonly attemptId: string
  readonly rail: string
  readonly providerId: string
  /** The number that people see (MpesaReceiptNumber); may come later than the money. */
  readonly number: string | undefined
  readonly gross: Money
  /** What of it counts towards the intent, in the intent's asset. */
  readonly counted: Money
  readonly reversed: Money
  /** Came after the intent was over. */
  readonly late: boolean
  /** When the provider took it. */
  readonly at: Date
}

export interface PaymentMethod {
  readonly method: string
  readonly rail: string
  readonly kind: CollectKind
  readonly needs: readonly ('phone' | 'email')[]
  readonly limits: AmountLimits
  /** Whether an attempt that was begun can be ended at the provider, so that the payer can choose another method. */
  readonly closes: boolean
  /** Why it cannot be used now. */
  readonly unavailable: string | undefined
}

export interface ListQuery {
  readonly merchantId: string
  /** 1 to 100. */
  readonly limit: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined
  readonly status?: IntentStatus | undefined
  readonly reference?: string | undefined
  /** `terms.store`. */
  readonly store?: string | undefined
  /** Included. */
  readonly createdFrom?: Date | undefined
  /** Not included. */
  readonly createdTo?: Date | undefined
}

export interface StartAttempt {
  readonly intentId: string
  /** The authenticated merchant. Without it the attempt is public (the hosted page), and the limits of public attempts hold. */
  readonly merchantId?: string | undefined
  readonly method: string
  readonly payer: Payer
  /** The hosted page, where a `page` rail sends the payer back. */
  readonly returnUrl: string
  /** The caller's own name for this request: with the same one the same attempt is given again for 30 days, whatever became of it. */
  readonly requestKey?: string | undefined
}

export interface MerchantBalance {
  readonly currency: string
  readonly available: Money
  readonly pending: Money
  /** What the merchant owes after reversals; repaid first by later receipts. */
  readonly debt: Money
}

export interface Figures {
  /** Payments ever made. */
  readonly total: number
  /** Payments made since the time asked for. */
  readonly since: number
  /** Attempts begun in the last 24 hours that ended, and those that brought money. Of the newest 10,000 attempts. */
  readonly ended: number
  readonly succeeded: number
}

/** Payload of the job that an owner is told of changes by. `type` is the new status, or what happened while the status stayed. */
export interface IntentChange {
  readonly intentId: string
  readonly type: IntentStatus | 'created' | 'received' | 'attempt-failed'
  readonly version: number
  /** As of this change: when the job runs, the intent may have gone on. */
  readonly partial: boolean
  readonly overpaid: boolean
}

export interface Payments extends Module {
  /**
   * The hot path: one prepared statement. The same key with the same hash gives the intent as it was created (`replayed`); with another
   * hash throws 409 `idempotency-key-reused`.
   */
  create(
    q: Queryable,
    input: NewIntent & { readonly idempotency?: { readonly key: string; readonly hash: string } | undefined },
  ): Promise<{ intent: Intent; replayed: boolean }>
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
   * anything was sent. While an attempt can still be paid no other one starts: a live prompt refuses it (409 `payments.attempt-in-flight`), an
   * open page is closed at its provider first, and refuses it (409 `payments.page-open`) when it stays open. One address serves a whole intent: asked again, the same attempt comes back, with what is still due.
   */
  startAttempt(input: StartAttempt): Promise<Attempt>
  /**
   * Asks the providers now what became of the pages that the payer has begun on, because the payer is back: their own news may be slower.
   * Never throws for what a provider did, and leaves the pace of polling as it is.
   */
  look(intentId: string): Promise<void>
  /** Their limits in this asset: of those that exchange, as far as `learnPrices` has been told. */
  methods(asset: Asset): readonly PaymentMethod[]
  readonly exports: PaymentExports
  readonly reconciliation: Reconciliation
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
