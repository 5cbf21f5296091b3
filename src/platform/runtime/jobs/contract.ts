import type { z } from 'zod'
import type { Log } from '../../observe/log.ts'

/** Work that must happen once the transaction that wanted it has committed. It may run more than once: make `run` repeatable. */
export interface Job<P = unknown> {
  /** `module.what-to-do`, such as `gateway.payment-changed`. Rows in the database carry it: renaming one strands them. */
  readonly name: string
  /** An object. Checked before it is written and again before it runs. */
  readonly schema: z.ZodType<P>
  /** A throw runs it again later, after exp(attempt) seconds (six hours at most). */
  run(payload: P, context: JobContext): Promise<void>
  /** 25 by default: about three days of tries. */
  readonly maxAttempts?: number
}

export interface RunContext {
  readonly log: Log
  /** Fires when the process must stop and the run has not ended by itself. */
  readonly signal: AbortSignal
  /** When this run began. */
  readonly now: Date
}

export interface JobContext extends RunContext {
  /** 1 for the first run. */
  readonly attempt: number
}

/** Rows that have a state and a due time are their own queue. */
export interface DueQueue<Row = unknown> {
  /** `module.rows`, such as `inbox.events`; what `wake` names. */
  readonly name: string
  /** How many rows are handled at once. */
  readonly concurrency: number
  /** How many rows are claimed at once; all of a batch is handled within its lease. */
  readonly batch: number
  /** How long to wait before asking again when nothing was due and nobody woke it. */
  readonly idleMs: number
  /** Claims up to `limit` rows due at `now`: `for update skip locked`, and sets their lease or due time ahead of `now`. */
  claim(limit: number, now: Date): Promise<Row[]>
  /** Every other process is dead: what they had claimed is due at once instead of when their leases end. */
  adopt?(now: Date): Promise<unknown>
  /** Errors are logged and counted; the lease brings the row back. */
  handle(row: Row, signal: AbortSignal): Promise<void>
}

/** Something done at intervals, by at most one instance at a time. */
export interface Cron {
  /** `module.what-to-do` */
  readonly name: string
  /** From start to start, over all instances. A run that takes longer delays the next. */
  readonly everyMs: number
  run(context: RunContext): Promise<void>
}

export interface EnqueueOptions {
  /** At once by default. */
  runAt?: Date
  /** One waiting job per key: a later one replaces it (payload and time). 512 characters at most. */
  jobKey?: string
}
