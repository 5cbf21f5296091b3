import type { Money } from '#money'
import type { Queryable, Tx } from '#platform/database/db'
import type { Module } from '#platform/runtime/module'

export const CASE_KINDS = [
  'missing-here',
  'missing-there',
  'amount-differs',
  'currency-differs',
  'return-differs',
  'pending-for-ever',
  'returned-too-much',
  'taken-back',
] as const
export type CaseKind = (typeof CASE_KINDS)[number]
export const CASE_STATES = ['open', 'closed', 'repaired', 'credited'] as const
export type CaseState = (typeof CASE_STATES)[number]

/** A problem that needs an operator, such as a difference between our books and a provider's. */
export interface Case {
  /** `rec_…` */
  readonly id: string
  readonly rail: string
  readonly railAccount: string
  /** Business day in the operator's time zone, `2026-01-15`. */
  readonly day: string
  readonly kind: CaseKind
  /** Id of the line in the provider's list, the receipt or the attempt that the case is about. */
  readonly subject: string
  readonly intentId: string | undefined
  readonly merchantId: string | undefined
  /** Amount in our books. */
  readonly ours: Money | undefined
  /** Amount at the provider. */
  readonly theirs: Money | undefined
  /** The provider's id of the money. A receipt for it gets this id. */
  readonly receiptId: string | undefined
  /** Receipt number that people see. */
  readonly number: string | undefined
  readonly movedAt: Date
  readonly state: CaseState
  /** The next step for an operator. */
  readonly suggested: string
  readonly note: string | undefined
  readonly createdAt: Date
  readonly closedAt: Date | undefined
}

export interface NewCase {
  readonly rail: string
  readonly railAccount: string
  readonly day: string
  readonly kind: CaseKind
  readonly subject: string
  readonly movedAt: Date
  readonly intentId?: string | undefined
  readonly merchantId?: string | undefined
  readonly ours?: Money | undefined
  readonly theirs?: Money | undefined
  readonly receiptId?: string | undefined
  readonly number?: string | undefined
}

export interface ListCases {
  readonly state?: CaseState | undefined
  readonly rail?: string | undefined
  /** 1 to 100. */
  readonly limit: number
  readonly cursor?: string | undefined
}

/** Writes the audit entry of a decision, in the transaction of the decision. */
export type AuditDecision = (tx: Tx) => Promise<void>

export interface Cases extends Module {
  /**
   * Opens a case. A case with the same rail, kind and subject is updated instead: one that was closed stays closed, one that was repaired
   * opens again.
   */
  open(q: Queryable, one: NewCase): Promise<{ id: string; state: CaseState; isNew: boolean }>
  /** Marks open cases about these subjects as repaired. Returns how many. */
  repair(q: Queryable, of: { rail: string; railAccount: string; subjects: readonly string[] }): Promise<number>
  find(q: Queryable, id: string): Promise<Case | undefined>
  /** Newest first. */
  list(q: Queryable, query: ListCases): Promise<{ items: Case[]; nextCursor?: string }>
  /** Number of open cases of this kind. */
  countOpen(q: Queryable, kind: CaseKind): Promise<number>
  /**
   * Closes a case without posting anything. A repeat with the same note changes nothing. Throws 404 `payments.no-such-case`, 409
   * `payments.case-over`.
   */
  close(tx: Tx, by: { id: string; note: string }, audit: AuditDecision): Promise<Case>
  /** Adds a note to an open case. Throws 404 `payments.no-such-case`, 409 `payments.case-over`. */
  annotate(tx: Tx, by: { id: string; note: string }, audit: AuditDecision): Promise<Case>
  /** Locks a case for a decision. Throws 404 `payments.no-such-case`. */
  lock(tx: Tx, id: string): Promise<Case>
  /** Ends a locked case: its money was credited to a payment. */
  markCredited(tx: Tx, by: { id: string; note: string; intentId: string; merchantId: string }): Promise<Case>
}
