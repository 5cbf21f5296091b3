import { runOnce, runTaskList, type Job as JobRow, type TaskList, type WorkerPool } from 'graphile-worker'
import type pg from 'pg'
import { addMs, waitMs, type Clock } from '../../base/clock.ts'
import type { Db } from '../../database/db.ts'
import { AppError } from '../../base/errors.ts'
import type { Log } from '../../observe/log.ts'
import { scrubText } from '../../observe/log/scrub.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Job } from './contract.ts'
import type { Instances } from './instances.ts'
import { hasDueJobs, listUnknown, makeDue } from './queue-tables.ts'
import { createLogger, createPreset, openPool, shutDown } from './runner.ts'
import { endsWithin, GRACE_MS } from './tracker.ts'

export interface Worker {
  start(): void
  /** Runs the due jobs one after the other. Returns the number of runs. */
  runDue(): Promise<number>
  /** Takes no more jobs. Aborts jobs that run past the deadline (`monotonicMs`), then releases them to the queue. */
  drain(deadlineMs: number): Promise<void>
}

export interface WorkerDeps {
  db: Db
  connection: pg.ClientConfig
  clock: Clock
  log: Log
  metrics: Metrics
  jobs: ReadonlyMap<string, Job>
  instances: Instances
  concurrency: number
}

const RESTART_MS = 1_000

export function createWorker(deps: WorkerDeps): Worker {
  const { db, clock, log, jobs, instances, concurrency } = deps
  const names = [...jobs.keys()]
  const stopping = new AbortController()
  const aborted = new AbortController()
  const retries = new Map<string, Date>()
  const options = { preset: createPreset(instances), logger: createLogger(log), noHandleSignals: true }
  const run = createRun(deps, aborted.signal)
  const tasks = createTasks(jobs, run)
  let pool: pg.Pool | undefined
  let workerPool: WorkerPool | undefined
  let running: Promise<void> | undefined

  const ensurePool = (): pg.Pool => (pool ??= openPool(deps.connection, log))

  /** Restarts the library's pool when it ends, which it does when it cannot record the end of a job. Releases the locks of the old pool. */
  const supervise = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      workerPool = runTaskList({ ...options, concurrency }, tasks, ensurePool())
      await workerPool.promise.catch((err: unknown) => log.error({ err }, 'worker ended; restarting'))
      instances.removePool(workerPool.id)
      await waitMs(RESTART_MS, stopping.signal)
    }
  }

  return {
    start: () => {
      if (names.length > 0) running ??= supervise()
      void listUnknown(db, names).then(
        (unknown) =>
          unknown.length > 0 && log.warn({ jobs: unknown }, 'the queue has jobs that this version does not know'),
        (err: unknown) => log.error({ err }, 'the check for unknown jobs failed'),
      )
    },
    runDue: async () => {
      if (names.length === 0) return 0
      await makeDue(db, removeDue(retries, clock.now()))
      let count = 0
      const counted = createTasks(jobs, async (job, payload, row) => {
        count += 1
        retries.set(row.id, addMs(clock.now(), retryDelayMs(row.attempts)))
        await run(job, payload, row)
        retries.delete(row.id)
      })
      while (await hasDueJobs(db, names)) {
        await runOnce({ ...options, pgPool: ensurePool(), concurrency: 1 }, counted)
      }
      return count
    },
    drain: async (deadlineMs) => {
      stopping.abort()
      if (workerPool) await shutDown(workerPool, deadlineMs, aborted)
      await endsWithin(GRACE_MS, Promise.all([running, pool?.end()]))
    },
  }
}

type Run = (job: Job, payload: unknown, row: JobRow) => Promise<void>

const createTasks = (jobs: ReadonlyMap<string, Job>, run: Run): TaskList =>
  Object.fromEntries(
    [...jobs.values()].map((job) => [
      job.name,
      (payload: unknown, { job: row }: { job: JobRow }) => run(job, payload, row),
    ]),
  )

function createRun({ metrics, log, clock }: WorkerDeps, signal: AbortSignal): Run {
  const runs = metrics.counter('purser_jobs_total', 'Runs of jobs', ['job', 'status'])
  return async (job, payload, row) => {
    const jobLog = log.child({ job: job.name, jobId: row.id, attempt: row.attempts })
    try {
      const parsed = job.schema.parse(payload)
      await job.run(parsed, { log: jobLog, signal, attempt: row.attempts, now: clock.now() })
      runs.inc({ job: job.name, status: 'succeeded' })
    } catch (err) {
      const last = row.attempts >= row.max_attempts
      runs.inc({ job: job.name, status: last ? 'exhausted' : 'failed' })
      jobLog.error({ err }, last ? 'job failed in its last attempt' : 'job failed and will be retried')
      throw new Error(summarizeError(err), { cause: err })
    }
  }
}

/** Returns the retry delay of the library, which counts in database time. `runDue` applies it in the time of the set clock. */
const retryDelayMs = (attempts: number): number => Math.exp(Math.min(attempts, 10)) * 1_000

function removeDue(retries: Map<string, Date>, now: Date): string[] {
  const due = [...retries].filter(([, at]) => at <= now).map(([id]) => id)
  for (const id of due) retries.delete(id)
  return due
}

const MAX_ERROR_LENGTH = 500

/** Returns the error text stored with the job: one line, without secrets, at most 500 characters. */
function summarizeError(error: unknown): string {
  const text = error instanceof AppError ? `${error.code}: ${error.message}` : String(error)
  return scrubText(text).slice(0, MAX_ERROR_LENGTH)
}
