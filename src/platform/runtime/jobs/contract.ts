import type { z } from 'zod'
import type { Log } from '../../observe/log.ts'
import type { ClaimTable } from './claims.ts'

/** Work that runs after the commit of the transaction that enqueued it. It may run more than once, so `run` must be idempotent. */
export interface Job<P = unknown> {
  /** `module.what-to-do`, such as `gateway.payment-changed`. Queued rows store the name, so a renamed job no longer runs them. */
  readonly name: string
  /** Schema of the payload, an object. Checked before the insert and again before the run. */
  readonly schema: z.ZodType<P>
  /** Runs the job. A throw retries it after exp(attempt) seconds, at most six hours. */
  run(payload: P, context: JobContext): Promise<void>
  /** Maximum attempts. Default: 25, which takes about three days. */
  readonly maxAttempts?: number
  /** Deadline of a run in milliseconds. Past it the signal aborts and the run has failed. Default: 60 s. */
  readonly limitMs?: number
}

export interface RunContext {
  readonly log: Log
  /** Aborts at the deadline of the run, and when the process must stop and the run has not ended. */
  readonly signal: AbortSignal
  /** Start time of this run. */
  readonly now: Date
}

export interface JobContext extends RunContext {
  /** Number of this attempt. The first is 1. */
  readonly attempt: number
}

/** A queue over rows of a module's table that have a state and a due time. */
export interface DueQueue<Row = unknown> {
  /** `module.rows`, such as `inbox.events`. `wake` takes this name. */
  readonly name: string
  /** Rows handled concurrently. */
  readonly concurrency: number
  /** Maximum rows per claim. */
  readonly batch: number
  /** Poll interval when no row was due and no wake arrived. */
  readonly idleMs: number
  /** Table of the rows, so that the claims of dead instances are freed. Absent for tests whose rows are in no table. */
  readonly claims?: ClaimTable<Row>
  /**
   * Claims up to `limit` rows that are due at `now` and unclaimed, with `for update skip locked`: sets `claimed_by` to `holder`, adds one to
   * `claim`, and keeps the due time. Returns each row with its `claim`.
   */
  claim(limit: number, now: Date, holder: string): Promise<Row[]>
  /** Deadline of `handle` in milliseconds. Past it the signal aborts, the row has failed and its slot is free. Default: 60 s. */
  readonly limitMs?: number
  /**
   * Handles a row: changes it on the condition that its `claim` is still the same, and releases it (`claimed_by = null`) with that change.
   * A throw is logged and counted, and the row is given back: it is due again after a minute, or after a second when the database was away.
   */
  handle(row: Row, signal: AbortSignal): Promise<void>
}

/** Periodic work that at most one instance runs at a time. */
export interface Cron {
  /** `module.what-to-do` */
  readonly name: string
  /** Milliseconds from start to start, over all instances. A longer run delays the next. */
  readonly everyMs: number
  /** Deadline of a run in milliseconds. Past it the signal aborts, the run has failed, and the cron can run again. Default: 10 min. */
  readonly limitMs?: number
  run(context: RunContext): Promise<void>
}

export interface EnqueueOptions {
  /** Time of the run. Default: at once. */
  runAt?: Date
  /** Unique key of a waiting job, at most 512 characters. A later job with the same key replaces its payload and time. */
  jobKey?: string
}
