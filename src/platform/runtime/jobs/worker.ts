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
import { hasDueJobs, listUnknown, makeDue } from './queued.ts'
import { createLogger, createPreset, openPool, shutDown } from './runner.ts'
import { GRACE_MS, within } from './tracker.ts'

export interface Worker {
  start(): void
  /** Runs the queued jobs that are due, one after the other. The number of runs. */
  runDue(): Promise<number>
  /** Takes no more jobs; those that run past the deadline (`monotonicMs`) are told to stop, then given back. */
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

  /** The library gives up its pool when it cannot note the end of a job. Then what it held is freed, and we begin anew. */
  const supervise = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      workerPool = runTaskList({ ...options, concurrency }, tasks, ensurePool())
      await workerPool.promise.catch((err: unknown) => log.error({ err }, 'worker ended, will start again'))
      instances.dropPool(workerPool.id)
      await waitMs(RESTART_MS, stopping.signal)
    }
  }

  return {
    start: () => {
      if (names.length > 0) running ??= supervise()
      void listUnknown(db, names).then(
        (unknown) => unknown.length > 0 && log.warn({ jobs: unknown }, 'jobs wait that this version does not know'),
        (err: unknown) => log.error({ err }, 'cannot look for unknown jobs'),
      )
    },
    runDue: async () => {
      if (names.length === 0) return 0
      await makeDue(db, takeDue(retries, clock.now()))
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
      await within(GRACE_MS, Promise.all([running, pool?.end()]))
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
      jobLog.error({ err }, last ? 'job failed for the last time' : 'job failed, will run again')
      throw new Error(describe(err), { cause: err })
    }
  }
}

/** The library's own delay. It counts in the database's time; with a set clock we count it in ours. */
const retryDelayMs = (attempts: number): number => Math.exp(Math.min(attempts, 10)) * 1_000

function takeDue(retries: Map<string, Date>, now: Date): string[] {
  const due = [...retries].filter(([, at]) => at <= now).map(([id]) => id)
  for (const id of due) retries.delete(id)
  return due
}

const MAX_ERROR_LENGTH = 500

/** What is kept with the job: one line, without what looks like a secret. */
function describe(error: unknown): string {
  const text = error instanceof AppError ? `${error.code}: ${error.message}` : String(error)
  return scrubText(text).slice(0, MAX_ERROR_LENGTH)
}
