import type pg from 'pg'
import { monotonicMs, type Clock } from '../base/clock.ts'
import type { Db, Queryable } from '../database/db.ts'
import { AppError, invariant } from '../base/errors.ts'
import type { HealthCheck } from './health.ts'
import type { Ids } from '../base/ids.ts'
import { createClaims, type Claimed, type ClaimTable } from './jobs/claims.ts'
import type { Cron, DueQueue, EnqueueOptions, Job } from './jobs/contract.ts'
import { createCrons, type Crons } from './jobs/crons.ts'
import { checkJobs } from './jobs/health.ts'
import { createInstances, type Instances } from './jobs/instances.ts'
import { insertJob, readOutbox } from './jobs/outbox.ts'
import { createQueue, type QueueRunner } from './jobs/queues.ts'
import { createRelay, type Relay } from './jobs/relay.ts'
import { endsWithin } from './jobs/tracker.ts'
import { createWorker, type Worker } from './jobs/worker.ts'
import type { Log } from '../observe/log.ts'
import type { Metrics } from '../observe/metrics.ts'

export { IDEMPOTENCY_KEYS, isClaimHeld, type Claimed, type ClaimTable } from './jobs/claims.ts'
export type { Cron, DueQueue, Job } from './jobs/contract.ts'
export { listSilentLoops } from './jobs/loop.ts'
export { migrateJobs } from './jobs/migrate.ts'
export { WORKER_CONNECTIONS } from './jobs/runner.ts'

export interface Jobs {
  /**
   * Inserts the job in the caller's transaction, or at once with the pool. It runs at least once, after the commit. Then call `wake`:
   * `tx.afterCommit(() => jobs.wake())`. Throws `platform.job-payload` when the payload does not match the job's schema.
   */
  enqueue<P>(q: Queryable, job: Job<P> | string, payload: P, options?: EnqueueOptions): Promise<void>
  /** Polls the outbox, or the named queue of this process, at once. Call it after a commit. It only reduces latency. */
  wake(queue?: string): void
  /** Id of this process, which holds its claims on rows of queues. */
  readonly instanceId: string
  /** Resolves when other instances see this one live. Call it before a claim outside a queue. Throws when the database is unavailable. */
  requireHeartbeat(): Promise<void>
  /**
   * Gives back the claim on a row that was claimed outside its queue, after an error: the row is due again soon. Does nothing when it was
   * released meanwhile.
   */
  giveBack<Row>(table: ClaimTable<Row>, row: Row & Claimed): void
  /** Registers this process, so that its claims count. Call it before the first request. `start` does it otherwise. */
  register(roles: { web: boolean; worker: boolean }): Promise<void>
  /** With `worker`: runs jobs, queues and crons. Without it only relays the outbox to the job queue. */
  start(roles: { web: boolean; worker: boolean }): Promise<void>
  /** Releases the locks and claims of all other instances. Call it only after this process acquired the owner lock of the database. */
  releaseStale(): Promise<void>
  /** Accepts no more work and waits for running work. Aborts it at the deadline and releases what remains. Does not throw. */
  drain(deadlineMs: number): Promise<void>
  /** Runs all due work (outbox, jobs, queues, crons) until nothing is due at `clock.now()`. For tests and the simulator. */
  runDue(): Promise<void>
  readonly health: HealthCheck
}

export interface JobsDeps {
  db: Db
  /** Writes the heartbeats. Default: `db`. */
  heartbeats?: Db
  /** The worker opens three dedicated connections. They must be direct (no transaction pooler), because one of them uses LISTEN. */
  connection: pg.ClientConfig
  /** Role that the connections of the worker must have. Default: any. */
  expectedUser?: string | undefined
  clock: Clock
  ids: Ids
  log: Log
  metrics: Metrics
  jobs: readonly Job[]
  queues: readonly DueQueue[]
  crons: readonly Cron[]
  instance: {
    /** Default: a new one. */
    readonly id?: string
    readonly version: string
    /** Jobs that run concurrently. Default: 5. */
    readonly concurrency?: number
    /** Migrations that the code of this program knows. Default: none. */
    readonly migrations?: readonly string[]
    /** Throws when a migration removed what the code of this program needs. */
    readonly requireCode?: () => Promise<void>
  }
}

const NAME = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$/

/** Checks the name of a job and infers the type of its payload. */
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
  const outboxRows = metrics.gauge(
    'purser_outbox_rows',
    'Jobs that wait in the outbox, including jobs for a later time',
  )
  const holder = instance.id ?? ids.uuid()
  const claims = createClaims({ db, clock, log, holder, tables: deps.queues.flatMap((queue) => queue.claims ?? []) })
  const instances = createInstances({
    db,
    heartbeats: deps.heartbeats ?? db,
    clock,
    log,
    claims,
    version: instance.version,
    migrations: instance.migrations ?? [],
    requireCode: instance.requireCode ?? (() => Promise.resolve()),
    updateMetrics: async () => outboxRows.set((await readOutbox(db, clock.now())).rows),
  })
  const { requireHeartbeat } = instances
  const relay = createRelay({ db, clock, log, known: jobs })
  const worker = createWorker({ ...deps, log, jobs, instances, concurrency: instance.concurrency ?? 5 })
  const queues = byName(
    deps.queues.map((queue) => createQueue(queue, { clock, log, metrics, claims, requireHeartbeat })),
  )
  const crons = createCrons({ ...deps, log, claims, requireHeartbeat })

  const parts: Parts = { log, instances, relay, worker, queues: [...queues.values()], crons }
  let started = false
  let runsJobs = false
  let registering: Promise<void> | undefined
  const register: Jobs['register'] = (roles) =>
    (registering ??= instances.start(Object.entries(roles).flatMap(([role, on]) => (on ? [role] : []))))
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
    instanceId: holder,
    giveBack: (table, row) => claims.giveBack(table, row, GIVE_BACK_MS),
    requireHeartbeat,
    register,
    start: async (roles) => {
      invariant(!started, 'jobs are started once')
      started = true
      runsJobs = roles.worker
      await register(roles)
      relay.start()
      if (roles.worker) for (const part of [worker, crons, ...parts.queues]) part.start()
    },
    releaseStale: () => instances.releaseOthers(),
    drain: (deadlineMs) => (draining ??= drain(parts, deadlineMs)),
    runDue: () => runDue(parts),
    health: checkJobs({ db, clock, relay, instances, worker, runsJobs: () => runsJobs }),
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
  const attempt = (part: string, stopping: Promise<unknown>): Promise<unknown> =>
    stopping.catch((err: unknown) => log.error({ err, part }, 'a part of the job system did not stop cleanly'))
  await Promise.all([
    attempt('crons', crons.drain(deadlineMs)),
    ...queues.map((queue) => attempt(queue.name, queue.drain(deadlineMs))),
    attempt('worker', worker.drain(deadlineMs)),
  ])
  const lastMs = Math.max(LAST_MS, deadlineMs - monotonicMs())
  await endsWithin(lastMs, attempt('relay', relay.stop()))
  await endsWithin(lastMs, attempt('heartbeat', instances.stop()))
}

async function runDue({ instances, relay, worker, queues, crons }: Parts): Promise<void> {
  await instances.sendHeartbeat()
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let count = await relay.moveAll()
    count += await worker.runDue()
    for (const queue of queues) count += await queue.runDue()
    count += await crons.runDue()
    if (count === 0) return
  }
  throw new AppError(
    'internal',
    500,
    `Work is still due after ${MAX_ROUNDS} rounds: a job or row makes itself due again.`,
  )
}

/** Minimum time, in ms, for the last two statements of a drain, also past its deadline. */
const LAST_MS = 1_000
/** Delay until a row that was claimed outside its queue is due again after an error. */
const GIVE_BACK_MS = 1_000
const MAX_ROUNDS = 1_000

function byName<T extends { readonly name: string }>(items: readonly T[]): ReadonlyMap<string, T> {
  const map = new Map(items.map((item) => [item.name, item]))
  const twice = items.find((item) => map.get(item.name) !== item)
  invariant(!twice, `the name '${twice?.name ?? ''}' is used twice`)
  return map
}
