import type { Asset, Money } from '#money'
import type { Clock } from '#platform/clock'
import type { ConfigSpec, Mode } from '#platform/config'
import type { Fetch } from '#platform/fetch'
import type { Log } from '#platform/log'
import type { MobileCountry } from '#platform/phone'
import type { Refunding, TokenRefund } from './refunding.ts'

export type {
  CallbackPurpose,
  ProviderRefund,
  RefundFact,
  Refunding,
  RefundOutcome,
  RefundRef,
  RefundRequest,
  TokenRefund,
} from './refunding.ts'

/**
 * The contract of a rail: one way to move money with one provider. A rail translates between the provider's words and ours and
 * writes nothing: no database, no ledger. An absent part means that the rail cannot do it; there are no stubs.
 */
export interface Rail {
  /** `mpesa`, `stripe`: names the webhook path, the receipts' key space and the clearing account. */
  readonly name: string
  /** What a payer chooses: `mpesa`, `card`. */
  readonly method: string
  readonly assets: readonly Asset[]
  /** Country whose mobile numbers this rail prompts and pays to. National forms such as `0712 345 678` are read as its numbers. */
  readonly phoneCountry?: MobileCountry
  /** Takes what is owed in other assets too: an attempt is then in the first of `assets`, at a rate that is locked for some minutes. */
  readonly exchanges?: boolean
  /** Why the rail cannot be used now (no keys configured, …); undefined when it can. A sentence for operators. */
  unavailable(): string | undefined
  /** Smallest and largest amount of one attempt, and the step between amounts, in minor units. */
  limits(asset: Asset): AmountLimits
  /** How much less than this amount still pays it, in minor units; nothing by default. */
  tolerance?(amount: Money): bigint
  readonly collect?: Collect
  readonly refund?: Refunding
  readonly webhook?: Webhook
  readonly watch?: Watch
  readonly statement?: RailStatement
}

export interface AmountLimits {
  readonly min: bigint
  readonly max: bigint
  readonly step: bigint
}

export type CollectKind = 'push' | 'page' | 'address' | 'transfer' | 'balance'

export interface Collect {
  /**
   * `push`: the provider prompts the payer, one live attempt per intent. `page`: the payer goes to the provider's page; never blocks. `address`:
   * the payer sends to an address of the attempt's own; passive, never blocks, told by `watch`. Payments' own: `transfer`, which the payer sends
   * by hand and a person confirms, and `balance`, the customer's prepaid one.
   */
  readonly kind: CollectKind
  /** What `payer` must hold for this rail, so that the edge can refuse early. */
  readonly needs: readonly ('phone' | 'email')[]
  /** Asks the provider to collect. Called at most once per attempt, after the attempt was committed as `submitting`. */
  start(request: CollectRequest): Promise<Outcome>
  /** Asks what became of it. May be called at any time and any number of times. */
  check(attempt: AttemptRef): Promise<Outcome>
  /**
   * Makes an attempt that nobody is to pay any more unpayable, as far as the provider lets us: `check` tells what became of it. Repeatable;
   * throws only what `check` may throw.
   */
  close?(attempt: AttemptRef): Promise<void>
  /** Waits between checks in ms, the last repeated: `[5000, 5000, 10000, …]`. */
  readonly checkAfterMs: readonly number[]
  /** After so long the provider can no longer be paid on this attempt, unless it says otherwise. */
  readonly lifetimeMs: number
  /** What the indexes of an `address` rail count in: one key's addresses. Each key counts from 0. Undefined when the rail is unavailable. */
  indexSpace?(): string | undefined
  /** The text for wallets and QR codes that asks for so much at an `address` rail's address: pure, for amounts that change after `start`. */
  uriOf?(asked: AskedAt): string
}

/** What a payer is asked to send where. */
export interface AskedAt extends Pick<CollectRequest, 'amount' | 'merchantName' | 'description'> {
  readonly address: string
}

export interface CollectRequest {
  /** Our id; the provider's idempotency key where it has one. */
  readonly attemptId: string
  readonly intentId: string
  readonly amount: Money
  readonly payer: Payer
  readonly merchantName: string
  /** Text for people: what it is for. May be empty. */
  readonly description: string
  /** Where this attempt's callbacks go. Carries the attempt's secret token: never log it. */
  readonly callbackUrl: string
  /** The hosted page, where a `page` rail sends the payer back. */
  readonly returnUrl: string
  readonly expiresAt: Date
  /** Of the attempt's address in the rail's `indexSpace`, allocated in the transaction that made the attempt. For `address` rails. */
  readonly index?: number | undefined
}

export interface Payer {
  /** E.164 without the plus, `2547XXXXXXXX`. */
  readonly phone?: string | undefined
  readonly email?: string | undefined
  readonly name?: string | undefined
}

/** What is known of an attempt when a provider is asked about it. */
export interface AttemptRef {
  readonly attemptId: string
  readonly intentId: string
  readonly amount: Money
  readonly payer: Payer
  /** The provider's id (CheckoutRequestID, cs_…); undefined when the answer to `start` was lost. */
  readonly reference: string | undefined
  readonly createdAt: Date
  /** The request as it was started: a provider with idempotency keys may be sent it again, with the same key, to learn its answer. */
  readonly request: CollectRequest
}

/**
 * What a rail says. `unknown` is not failure: it means ask again, never send again.
 * `reference` is the provider's id as soon as it is known.
 */
export type Outcome =
  | {
      readonly kind: 'pending'
      readonly reference?: string
      readonly redirectUrl?: string
      readonly declined?: FailureReason
      /** Where the payer sends to, and the same with the amount for wallets and QR codes. */
      readonly address?: string
      readonly paymentUri?: string
    }
  | { readonly kind: 'unknown'; readonly why: string; readonly reference?: string }
  | { readonly kind: 'received'; readonly receipts: readonly RailReceipt[]; readonly reference?: string }
  | {
      /** Money went back, or a receipt that was seen and not final will not come: then nothing is posted. */
      readonly kind: 'reversed'
      readonly receiptId: string
      readonly amount: Money
      readonly reason: string
      readonly reversalId: string
      /** The operator gave it back by the provider's own means; otherwise the provider took it (a dispute, a failure). */
      readonly refund?: boolean
    }
  | { readonly kind: 'failed'; readonly reason: FailureReason; readonly why?: string; readonly reference?: string }

/** One arrival of money. */
export interface RailReceipt {
  /** The provider's id of the attempt's payment (CheckoutRequestID, charge id): the same however often and by whatever way it is told. */
  readonly id: string
  /** A number that people see and that may come later (MpesaReceiptNumber). */
  readonly number?: string
  readonly gross: Money
  /** What the provider kept, if it says so. */
  readonly fee?: Money
  /** The provider will say later what it kept: it is asked again until it does. */
  readonly feeLater?: boolean
  readonly at: Date
  /** Only final receipts are posted. */
  readonly final: boolean
  /** How far it is on the way to final. For people. */
  readonly confirmations?: { readonly have: number; readonly need: number }
  /** Final, and may still be taken back more easily than usual. For people. */
  readonly risk?: 'unconfirmed'
  /** Whether the provider itself stated `gross`; false when it is taken from the attempt because the provider names no amount. */
  readonly stated: boolean
  /** The reversal whose money this gives back (a dispute won). It counts only once that reversal is recorded, and for no more than it took. */
  readonly returns?: string
}

/** What a rail is made of. */
export interface RailDeps<Config> {
  readonly mode: Mode
  readonly fetch: Fetch
  readonly clock: Clock
  readonly log: Log
  /** Asked at each use: the settings may change while the program runs. */
  readonly config: () => Config
}

/** The same for all rails: each finds its own settings. */
export interface RailsDeps extends Omit<RailDeps<unknown>, 'config'> {
  readonly settings: <Config>(spec: ConfigSpec<Config>) => () => Config
}

/** A rail as the list holds it: its settings, and how it is made. */
export interface RailKind {
  readonly config: ConfigSpec
  create(deps: RailsDeps): Rail
}

export const defineRail = <Config>(config: ConfigSpec<Config>, create: (deps: RailDeps<Config>) => Rail): RailKind => ({
  config,
  create: ({ settings, log, ...deps }) =>
    create({ ...deps, log: log.child({ module: `rail-${config.module}` }), config: settings(config) }),
})

/** The closed list of reasons. A provider's code that fits none is `unknown` (an outcome), not a failure. */
export const FAILURE_REASONS = [
  'insufficient-funds',
  'canceled-by-payer',
  'no-response',
  'wrong-pin',
  'declined',
  'expired',
  'limit-exceeded',
  'invalid-phone',
  'authentication-failed',
  'provider-rejected',
  'provider-unavailable',
  'not-received',
] as const
export type FailureReason = (typeof FAILURE_REASONS)[number]

export interface Webhook {
  /** A second name for the path, `/api/webhook/<alias>/…`, where the provider minds words in it; callback URLs are built with it. */
  readonly pathAlias?: string
  /**
   * Whether the request is really the provider's. Pure and quick: it runs before the event is stored. `token` is the attempt that the path's
   * token names, already checked; undefined when the path has none or a wrong one.
   */
  verify(request: InboundRequest): Verdict
  /** What the provider wants to read once an event is stored; `{"received":true}` by default. */
  readonly accepted?: Readonly<Record<string, string | number | boolean>>
  /** What a stored event says. Throws only on an event of a shape never seen: it is then parked for a person. */
  parse(event: InboundEvent): readonly Fact[]
}

export interface InboundRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly rawBody: Buffer
  readonly tokenAttemptId: string | undefined
  /** The refund that the path's token names, already checked. */
  readonly tokenRefund?: TokenRefund | undefined
  readonly now: Date
  /** The peer's address, where the edge knows it: for logs, never a proof. */
  readonly address?: string | undefined
}

export type Verdict =
  | {
      readonly ok: true
      /** The provider's own event id; else the hash of the body is used. */ readonly eventId?: string
    }
  | { readonly ok: false; readonly status: 400 | 401 | 404; readonly why: string }

export interface InboundEvent {
  readonly rawBody: Buffer
  readonly tokenAttemptId: string | undefined
  readonly tokenRefund?: TokenRefund | undefined
  readonly receivedAt: Date
}

export interface Fact {
  /** Which attempt it is about: ours by id, by the provider's reference, or by a receipt (reversals). */
  readonly about: { readonly attemptId: string } | { readonly reference: string } | { readonly receiptId: string }
  readonly outcome: Outcome
  /** The provider's ids and payer in the event, compared with the attempt's where given. */
  readonly payerPhone?: string
  /**
   * True: ask `check` now and believe its answer. Nothing is credited on the event alone, because it is no proof (no signature) or does not
   * hold the whole story (`pending` then only means: there is news). What the event states (amount, number) fills in what `check` cannot.
   */
  readonly needsCheck: boolean
}

/** A rail whose money arrives unasked: it looks at all its open attempts at once, again and again. */
export interface Watch {
  /** Time between looks when nothing wakes. */
  readonly everyMs: number
  /**
   * What became of the watched attempts since the look that gave `cursor`; undefined: since about a day ago. The cursor is the rail's own text.
   * It is stored in the transaction that handles the facts, so that a look that was not stored is simply repeated. One look at a time. Throws
   * when the provider cannot tell: nothing is known then, and the cursor stays.
   */
  look(cursor: string | undefined, watched: readonly Watched[]): Promise<Looked>
  /** Calls `wake` when there may be news, until the signal fires. A hint: looks find everything without it. */
  listen?(wake: () => void, signal: AbortSignal): Promise<void>
}

export interface Watched {
  readonly attemptId: string
  /** As `start` told it. */
  readonly reference: string
  readonly amount: Money
}

export interface Looked {
  readonly facts: readonly Fact[]
  readonly cursor: string
  /** There is more to catch up on: look again at once. */
  readonly more: boolean
  /** Money that was seen may still change: look on, also when nothing is watched any more. */
  readonly following: boolean
}

/** What the provider's own books say, for the comparison with ours. */
export interface RailStatement {
  /** Why it cannot be read, though the rail works (it was not applied for, …); undefined when it can. A sentence for operators. */
  unavailable?(): string | undefined
  /** How far back it reaches. */
  readonly reachMs: number
  /** How much later than ours the provider's own time of the same money may be (blocks): half an hour where it is not told. */
  readonly lateMs?: number
  /** A page of what arrived in a time, in any order; more than that does no harm. Repeatable. Throws when the provider cannot tell. */
  list(span: StatementSpan): Promise<StatementPage>
  /**
   * The receipt of a line that names its attempt, where the list itself is the provider's word of it; undefined while it is not final.
   * Without this `check` is asked about the attempt.
   */
  receiptOf?(line: StatementLine, asked: Money): Promise<RailReceipt | undefined>
}

export interface StatementSpan {
  readonly from: Date
  /** Not included. */
  readonly to: Date
  readonly cursor: string | undefined
  /** Of a rail that watches: every attempt that was ever given an address. */
  readonly watched: readonly Watched[]
}

export interface StatementPage {
  readonly lines: readonly StatementLine[]
  /** For the next page; undefined on the last. */
  readonly cursor: string | undefined
}

/** One arrival of money as the provider keeps it. */
export interface StatementLine {
  /** The provider's own id of it. */
  readonly id: string
  /** The `id` that its receipt has with us, and the number that people see, where the line tells them. */
  readonly receiptId?: string
  readonly number?: string
  /** Under which the same money came again after it was taken back, in this order. */
  readonly againIds?: readonly string[]
  readonly gross: Money
  /** What went back of it so far, where the line tells it. */
  readonly returned?: Money
  readonly at: Date
  /** Which attempt it is about, as far as the line tells: by our id, by the provider's, or by who paid. */
  readonly attemptId?: string
  readonly reference?: string
  readonly payerPhone?: string
  /** What `receiptOf` finds it again by: the rail's own text. */
  readonly proof?: string
}
