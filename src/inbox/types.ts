import type { Module } from '#platform/runtime/module'
import type { Fact, Rail, RefundFact } from '#rails/contract'

/** A provider event as stored: raw bytes plus what the inbox knew when it arrived. */
export interface StoredEvent {
  readonly rail: string
  /** The provider's event id, or a SHA-256 of the token's subject and the body. Unique per rail. */
  readonly eventKey: string
  readonly raw: Buffer
  /** Subject of the callback token in the path: an attempt id, or a refund sending with its purpose. */
  readonly tokenSubject: string | null
  readonly receivedAt: Date
  /** The event is parked when it could not be handled until then. */
  readonly retryUntil: Date
  /** Number of times that it was claimed. */
  readonly tries: number
  /** Number of the claim. */
  readonly claim: bigint
}

/**
 * Result of handling one fact. `done`: recorded, or known before. `later`: retry with backoff. `parked`: an operator must decide.
 * `ignored`: the fact is about another program's money. `refused`: a security event; nothing was credited.
 */
export type Handled =
  | { readonly kind: 'done' }
  | { readonly kind: 'later'; readonly why: string }
  | { readonly kind: 'parked'; readonly why: string }
  | { readonly kind: 'ignored'; readonly why: string }
  | { readonly kind: 'refused'; readonly why: string }

/** Handlers that `src/app.ts` registers. Each must be idempotent: an event is handled again after a crash or a `later`. */
export interface InboxHandlers {
  /** Handles a fact about a payment attempt. */
  payment(rail: Rail, event: StoredEvent, fact: Fact): Promise<Handled>
  /** Handles a fact about a refund. */
  refund(rail: Rail, fact: RefundFact): Promise<Handled>
}

/** Inbound provider events: stored first, answered, then handled. */
export type Inbox = Module
