// Runs the simulated providers in a separate process, for a program in live mode:
//   SIMULATORS_DATABASE=<postgres URL or JSON of pg's config> [SIMULATORS_PORT=0] [SIMULATORS_WEBHOOK_URL=…/api/webhook] node test/simulators.ts
// Prints `simulators http://127.0.0.1:<port>` once it answers. The role needs the right to create the schema `sandbox`.
import type { ClientConfig } from 'pg'
import { addMs, systemClock, waitMs, type Clock } from '#platform/base/clock'
import { openDb, sql, type Db } from '#platform/database/db'
import { createFetch } from '#platform/web/fetch'
import { createHttp } from '#platform/web/http'
import { createIds, type Ids } from '#platform/base/ids'
import type { DueQueue } from '#platform/runtime/jobs'
import { silentLog, type Log } from '#platform/observe/log'
import { isLoopback } from '#platform/base/loopback'
import { createMetrics } from '#platform/observe/metrics'
import { migrate } from '#platform/database/migrate'
import type { Secret } from '#platform/base/secrets'
import { createSandbox, sandboxSchema } from '#sandbox'

export interface SimulatorOptions {
  db: Db
  clock?: Clock
  ids?: Ids
  log?: Log
  /** Default: 0, a free port. */
  port?: number
  /** Returns the URL for the events of a provider. */
  webhookUrl?: (provider: string) => string | undefined
  password?: Secret
  demoUrl?: string
}

export interface Simulators extends AsyncDisposable {
  readonly url: string
  /** Runs everything that is due by the clock: phones act, callbacks and events are delivered. */
  runDue(): Promise<void>
  /** Keeps running due work as time passes, until it is closed. */
  run(): void
}

export async function openSimulators(options: SimulatorOptions): Promise<Simulators> {
  const { db, clock = systemClock, log = silentLog } = options
  const metrics = createMetrics({ defaults: false })
  const fetch = createFetch({ log, metrics, mode: 'sandbox' })
  let url = ''
  const sandbox = createSandbox({
    db,
    clock,
    ids: options.ids ?? createIds(clock),
    log,
    fetch,
    baseUrl: () => url,
    webhookUrl: options.webhookUrl ?? (() => undefined),
    // The program's port is not known when this starts, and no other process reaches them.
    mayDeliver: ({ hostname }) => isLoopback(hostname),
    demoUrl: () => options.demoUrl,
    password: options.password,
  })
  const app = await createHttp({ log, metrics, version: 'test', publicUrl: () => url, drainMs: 500 })
  sandbox.routes?.(app)
  url = await app.listen({ port: options.port ?? 0, host: '127.0.0.1' })
  const stopped = new AbortController()
  const running: Promise<void>[] = []
  const queues = sandbox.queues ?? []
  return {
    url,
    runDue: async () => {
      for (const queue of queues) while ((await runOnce(queue, { db, clock, log }, 'one by one')) > 0);
    },
    run: () => void running.push(...queues.map((queue) => follow(queue, { db, clock, log }, stopped.signal))),
    [Symbol.asyncDispose]: async () => {
      stopped.abort()
      await Promise.all(running)
      await app.close()
      await fetch.close()
    },
  }
}

type Running = Required<Pick<SimulatorOptions, 'db' | 'clock' | 'log'>>

/** Holder of the claims. A failed timer runs again after a minute. */
const HOLDER = 'simulators'
const RETRY_MS = 60_000

async function runOnce(queue: DueQueue, { db, clock, log }: Running, how?: 'one by one'): Promise<number> {
  const rows = (await queue.claim(queue.batch, clock.now(), HOLDER)) as { id: string }[]
  const signal = new AbortController().signal
  const handle = (row: { id: string }): Promise<void> =>
    queue.handle(row, signal).catch(async (error: unknown) => {
      log.error({ error }, 'a simulator failed')
      const again = addMs(clock.now(), RETRY_MS)
      await db.run(sql`update sandbox.timers set claimed_by = null, due_at = ${again} where id = ${row.id}`)
    })
  if (how) for (const row of rows) await handle(row)
  else await Promise.all(rows.map(handle))
  return rows.length
}

async function follow(queue: DueQueue, running: Running, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const count = await runOnce(queue, running).catch((error: unknown) => {
      running.log.error({ error }, 'the simulators’ database is unreachable')
      return 0
    })
    if (count === 0) await waitMs(queue.idleMs / 4, signal)
  }
}

function connectionOf(text: string): ClientConfig {
  return text.startsWith('{') ? (JSON.parse(text) as ClientConfig) : { connectionString: text }
}

async function main(): Promise<void> {
  const { SIMULATORS_DATABASE: database, SIMULATORS_PORT: port = '0', SIMULATORS_WEBHOOK_URL: webhookUrl } = process.env
  if (!database) throw new Error('Set SIMULATORS_DATABASE')
  const db = openDb({ connection: connectionOf(database), applicationName: 'simulators' })
  await migrate(db, [sandboxSchema])
  const simulators = await openSimulators({
    db,
    port: Number(port),
    webhookUrl: (rail) => webhookUrl && `${webhookUrl}/${rail}`,
  })
  simulators.run()
  process.stdout.write(`simulators ${simulators.url}\n`)
  const stop = async (): Promise<void> => {
    await simulators[Symbol.asyncDispose]()
    await db.close()
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
}

if (import.meta.main) await main()
