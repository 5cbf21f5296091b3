import type pg from 'pg'
import { monotonicMs, type Clock } from '../base/clock.ts'
import type { Db, Queryable } from '../database/db.ts'
import { AppError, invariant } from '../base/errors.ts'
import type { HealthCheck } from './health.ts'
import type { Ids } from '../base/ids.ts'
import type { Cron, DueQueue, EnqueueOptions, Job } from './jobs/contract.ts'
import { createCrons, type Crons } from './jobs/crons.ts'
import { checkJobs } from './jobs/health.ts'
import { createInstances, type Instances } from './jobs/instances.ts'
import { insertJob, readOutbox } from './jobs/outbox.ts'
import { createQueue, type QueueRunner } from './jobs/queues.ts'
import { createRelay, type Relay } from './jobs/relay.ts'
import { within } from './jobs/tracker.ts'
import { createWorker, type Worker } from './jobs/worker.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'

export type { Cron, DueQueue, Job } from './jobs/contract.ts'
export { migrateJobs } from './jobs/migrate.ts'

export interface Jobs {
  /**
   * Writes the job into the caller's transaction (or at once without one); it runs after the commit, at least once. Then call `wake`:
   * `tx.afterCommit(() => jobs.wake())`. Throws `platform.job-payload` when the payload is not what the job takes.
   */
  enqueue<P>(q: Queryable, job: Job<P> | string, payload: P, options?: EnqueueOptions): Promise<void>
  /** After a commit: the outbox is looked at now, or the named queue of this process. Not needed, only faster. */
  wake(queue?: string): void
  /** With `worker`: runs jobs, queues and crons. Without it only hands over what this process enqueues. */
  start(roles: { web: boolean; worker: boolean }): Promise<void>
  /** Every other instance is dead: what it had locked or claimed is free. For who has just become the one owner of the database. */
  adopt(): Promise<void>
  /** Takes no more work, waits for what runs, tells it to stop at the deadline, gives the rest back. Does not throw. */
  drain(deadlineMs: number): Promise<void>
  /** For tests and the simulator: runs all that is due (outbox, jobs, queues, crons) until nothing is due at `clock.now()`. */
  runDue(): Promise<void>
  readonly health: HealthCheck
}

export interface JobsDeps {
  db: Db
  /** The worker opens three connections of its own. Direct ones: it listens. */
  connection: pg.ClientConfig
  clock: Clock
  ids: Ids
  log: Log
  metrics: Metrics
  jobs: readonly Job[]
  queues: readonly DueQueue[]
  crons: readonly Cron[]
  instance: { version: string; /** Jobs at once; 5 by default. */ concurrency?: number }
}

const NAME = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$/

/** Checks the name, and gives the payload its type. */
export function defineJob<P>(job: Job<P>): Job<P> {
  invariant(
    NAME.test(job.name) && job.name.length <= 128,
    `'${job.name}' is not a job name such as 'module.what-to-do'`,
  )
  return job
}

export function createJobs(deps: JobsDeps): Jobs {
  const { db, clock, ids, metrics, instance } = deps
  const log = deps.log.child({ module: 'jobs' })
  const jobs = byName(deps.jobs)
  byName(deps.crons)
  const outboxRows = metrics.gauge('purser_outbox_rows', 'Jobs that wait in the outbox, some of them for their time')
  const instances = createInstances({
    db,
    clock,
    log,
    id: ids.uuid(),
    version: instance.version,
    sample: async () => outboxRows.set((await readOutbox(db, clock.now())).rows),
  })
  const relay = createRelay({ db, clock, log, known: jobs })
  const worker = createWorker({ ...deps, log, jobs, instances, concurrency: instance.concurrency ?? 5 })
  const queues = byName(deps.queues.map((queue) => createQueue(queue, { clock, log, metrics })))
  const crons = createCrons({ ...deps, log, instanceId: instances.id })

  const parts: Parts = { log, instances, relay, worker, queues: [...queues.values()], crons }
  let started = false
  let draining: Promise<void> | undefined

  return {
    enqueue: async (q, job, payload, options = {}) => {
      const known = jobs.get(typeof job === 'string' ? job : job.name)
      invariant(known, `job '${typeof job === 'string' ? job : job.name}' is not among the program's jobs`)
      await insertJob(q, { job: known, payload, now: clock.now(), options })
    },
    wake: (name) => {
      if (name === undefined) relay.wake()
      else queues.get(name)?.wake()
    },
    start: async (roles) => {
      invariant(!started, 'jobs are started once')
      started = true
      await instances.start(Object.entries(roles).flatMap(([role, on]) => (on ? [role] : [])))
      relay.start()
      if (roles.worker) for (const part of [worker, crons, ...parts.queues]) part.start()
    },
    adopt: async () => {
      await instances.adopt()
      for (const queue of deps.queues) await queue.adopt?.(clock.now())
    },
    drain: (deadlineMs) => (draining ??= drain(parts, deadlineMs)),
    runDue: () => runDue(parts),
    health: checkJobs({ db, clock, relay }),
  }
}

interface Parts {
  log: Log
  instances: Instances
  relay: Relay
  worker: Worker
  queues: readonly QueueRunner[]
  crons: Crons
}

async function drain({ log, instances, relay, worker, queues, crons }: Parts, forMs: number): Promise<void> {
  const deadlineMs = monotonicMs() + forMs
  const attempt = (what: string, work: Promise<unknown>): Promise<unknown> =>
    work.catch((err: unknown) => log.error({ err, what }, 'cannot stop in good order'))
  await Promise.all([
    attempt('crons', crons.drain(deadlineMs)),
    ...queues.map((queue) => attempt(queue.name, queue.drain(deadlineMs))),
    attempt('worker', worker.drain(deadlineMs)),
  ])
  const lastMs = Math.max(LAST_MS, deadlineMs - monotonicMs())
  await within(lastMs, attempt('relay', relay.stop()))
  await within(lastMs, attempt('beat', instances.stop()))
}

async function runDue({ instances, relay, worker, queues, crons }: Parts): Promise<void> {
  await instances.beat()
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let count = await relay.moveAll()
    count += await worker.runDue()
    for (const queue of queues) count += await queue.runDue()
    count += await crons.runDue()
    if (count === 0) return
  }
  throw new AppError('internal', 500, `Work is still due after ${MAX_ROUNDS} rounds: something makes itself due again.`)
}

/** How long the last two statements of a drain may take past its deadline. */
const LAST_MS = 1_000
const MAX_ROUNDS = 1_000

function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  const map = new Map(items.map((item) => [item.name, item]))
  const twice = items.find((item) => map.get(item.name) !== item)
  invariant(!twice, `there are two of the name '${twice?.name ?? ''}'`)
  return map
}
