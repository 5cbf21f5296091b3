import type { Money } from '#money'
import type { RailReceipt } from './outcome.ts'
import type { Watched } from './watch.ts'

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
