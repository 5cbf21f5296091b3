import { runOnce, type Job as JobRow, type TaskList } from 'graphile-worker'
import type pg from 'pg'
import { addMs, type Clock } from '../../base/clock.ts'
import { withDeadline } from '../../base/deadline.ts'
import type { Db } from '../../database/db.ts'
import { AppError } from '../../base/errors.ts'
import type { Log } from '../../observe/log.ts'
import { scrubText } from '../../observe/log/scrub.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Job } from './contract.ts'
import type { Instances } from './instances.ts'
import { hasDueJobs, listUnknown, makeDue } from './queue-tables.ts'
import { createLogger, createPreset, openPool, type WorkerConnections } from './runner.ts'
import { createSupervisor } from './supervisor.ts'
import { endsWithin, GRACE_MS } from './tracker.ts'

export interface Worker {
  start(): void
  /** Runs the due jobs one after the other. Returns the number of runs. */
  runDue(): Promise<number>
  /** Takes no more jobs. Aborts jobs that run past the deadline (`monotonicMs`), then releases them to the queue. */
  drain(deadlineMs: number): Promise<void>
  /** Milliseconds since the worker last fetched jobs. 0 while jobs take all its slots, and without jobs. Undefined before the start. */
  sinceLastFetchMs(): number | undefined
}

export interface WorkerDeps {
  db: Db
  connection: pg.ClientConfig
  expectedUser?: string | undefined
  clock: Clock
  log: Log
  metrics: Metrics
  jobs: ReadonlyMap<string, Job>
  instances: Instances
  concurrency: number
}

/** Creates the worker that runs jobs. */
export function createWorker(deps: WorkerDeps): Worker {
  const { db, clock, log, jobs, instances } = deps
  const names = [...jobs.keys()]
  const stopping = new AbortController()
  const retries = new Map<string, Date>()
  const run = createRun(deps)
  const supervisor = createSupervisor({ ...deps, tasks: (signal) => createTasks(jobs, run, signal) })
  let onDemand: WorkerConnections | undefined

  return {
    start: () => {
      if (names.length === 0) return
      supervisor.start()
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
      const counted: Run = async (job, payload, row, signal) => {
        count += 1
        retries.set(row.id, addMs(clock.now(), retryDelayMs(row.attempts)))
        await run(job, payload, row, signal)
        retries.delete(row.id)
      }
      const tasks = createTasks(jobs, counted, stopping.signal)
      const options = { preset: createPreset(instances), logger: createLogger(log), noHandleSignals: true }
      while (await hasDueJobs(db, names)) {
        onDemand ??= openPool(deps)
        await runOnce({ ...options, pgPool: onDemand.pool, concurrency: 1 }, tasks)
      }
      return count
    },
    drain: async (deadlineMs) => {
      stopping.abort(new Error('The process stops'))
      await supervisor.drain(deadlineMs)
      if (onDemand) await endsWithin(GRACE_MS, onDemand.close())
    },
    sinceLastFetchMs: () => (names.length === 0 ? 0 : supervisor.sinceLastFetchMs()),
  }
}

type Run = (job: Job, payload: unknown, row: JobRow, signal: AbortSignal) => Promise<void>

const createTasks = (jobs: ReadonlyMap<string, Job>, run: Run, signal: AbortSignal): TaskList =>
  Object.fromEntries(
    [...jobs.values()].map((job) => [
      job.name,
      (payload: unknown, { job: row }: { job: JobRow }) => run(job, payload, row, signal),
    ]),
  )

const RUN_LIMIT_MS = 60_000

function createRun({ metrics, log, clock }: WorkerDeps): Run {
  const runs = metrics.counter('purser_jobs_total', 'Runs of jobs', ['job', 'status'])
  return async (job, payload, row, stopSignal) => {
    const jobLog = log.child({ job: job.name, jobId: row.id, attempt: row.attempts })
    try {
      const parsed = job.schema.parse(payload)
      const { name, limitMs = RUN_LIMIT_MS } = job
      await withDeadline({ name: `Job ${name}`, limitMs, signal: stopSignal }, (signal) =>
        job.run(parsed, { log: jobLog, signal, attempt: row.attempts, now: clock.now() }),
      )
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
