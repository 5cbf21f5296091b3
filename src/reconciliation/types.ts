import type { AuditDecision, Case, ListCases } from '#cases'
import type { Module } from '#platform/runtime/module'
import type { Queryable, Tx } from '#platform/database/db'

export const CASE_ACTIONS = ['close', 'retry'] as const
export type CaseAction = (typeof CASE_ACTIONS)[number]

export interface CreditCase {
  readonly id: string
  readonly intentId: string
  readonly note: string
}

/** Compares our books with each provider's list, day by day. */
export interface Reconciliation extends Module {
  /**
   * Schedules the comparison of a day, whether it was compared before or not; yesterday by default. Throws 422 `validation-failed` for a rail
   * without a provider and for a day that has not ended.
   */
  request(tx: Tx, run: { rail: string; day: string | undefined }): Promise<{ day: string }>
  /** Newest first. */
  listCases(q: Queryable, query: ListCases): Promise<{ items: Case[]; nextCursor?: string }>
  /**
   * `close`: an operator settled it; nothing is posted. `retry`: the day is compared again, and the case is repaired when nothing differs any
   * more. `audit` runs in the same transaction. A repeated close with the same note changes nothing. Throws 404 `payments.no-such-case`,
   * 409 `payments.case-over`.
   */
  resolve(tx: Tx, by: { id: string; action: CaseAction; note: string }, audit: AuditDecision): Promise<Case>
  /**
   * Counts the money of a `missing-here` case for a payment, once. A repeat with the same payment changes nothing. `audit` runs in the same
   * transaction. Throws 404 `payments.no-such-case`, `payments.not-found`, 409 `payments.case-over`, `payments.case-not-money`,
   * `payments.case-other-currency`, `payments.case-counted`.
   */
  credit(by: CreditCase, audit: AuditDecision): Promise<Case>
}
