import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp, loadSchemas, type App } from '../src/app.ts'
import { loadAppConfig } from '../src/foundation.ts'
import { addMs, createSetClock, systemClock, type Clock, type SetClock } from '#platform/base/clock'
import { checkDatabase } from '#platform/process/startup'
import { createIds } from '#platform/base/ids'
import { createMemoryLog, type MemoryLog } from '#platform/observe/log'
import { openTestDatabase, type TestDatabase } from './database.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // The API's objects as they come: tests say what they expect of them.
  readonly body: any
}

/** The whole program in this process, over a fresh database. */
export interface World extends AsyncDisposable {
  readonly app: App
  /** What links start with. */
  readonly url: string
  /** Where it listens: the same, unless PUBLIC_URL is set. */
  readonly address: string
  /** The API key of the merchant. */
  readonly key: string
  readonly merchantId: string
  readonly log: MemoryLog
  readonly database: TestDatabase
  /** Calls our API as the merchant; `headers` may replace the key. */
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /**
   * Moves the set clock on, second by second, and runs all that becomes due on the way. Only with a set clock.
   */
  advance(ms: number): Promise<void>
  /** Moves the set clock on at once, and runs what has become due: for long times in which nothing is looked at on the way. */
  jump(ms: number): Promise<void>
  /** Puts a running clock ahead: what becomes due is done by itself soon after. Only with the system's clock. */
  skip(ms: number): void
  readonly clock: Clock
  /**
   * What is left after a SIGKILL: the program of now can write nothing any more, whatever it was doing, and a new one starts on the
   * database as it is. Only with a set clock.
   */
  crash(): Promise<void>
  /** Sentences on what is broken in the books; none when all invariants hold. */
  broken(): Promise<string[]>
}

export interface WorldOptions {
  /** `sandbox` by default. `live` needs `env` with the simulators' credentials. */
  readonly mode?: 'sandbox' | 'live'
  /** `system`: jobs run by themselves, in real time. `set` (default): time stands still until `advance`. */
  readonly clock?: 'set' | 'system'
  readonly env?: Readonly<Record<string, string>>
  /** What ids are made of; of the system's by default. */
  readonly bytes?: (count: number) => Buffer
}

export async function openWorld(options: WorldOptions = {}): Promise<World> {
  const { mode = 'sandbox' } = options
  const stack = new AsyncDisposableStack()
  const dataDir = mkdtempSync(join(tmpdir(), 'purser-world-'))
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }))
  const env = {
    PURSER_MODE: mode,
    PORT: '0',
    HOST: '127.0.0.1',
    DATA_DIR: dataDir,
    DATABASE_POOL_MAX: '8',
    ...options.env,
  }
  const loaded = loadAppConfig({ env, file: join(dataDir, '.env') })
  const schemas = await loadSchemas(mode)
  const database = stack.use(await openTestDatabase(schemas))
  const set = options.clock === 'system' ? undefined : createSetClock()
  let aheadMs = 0
  const clock = set ?? { now: () => addMs(systemClock.now(), aheadMs) }
  const config = loaded.config.platform
  const masterKey = await checkDatabase({ owner: database.ownerConnection }, { schemas, config, clock })
  const log = createMemoryLog({ level: 'debug' })
  const ids = createIds(clock, options.bytes)
  const open = async (exclusive: boolean): Promise<App> => {
    const connections = { app: database.connection, exclusive }
    const common = { loaded, masterKey, log, version: 'test', clock, ids, checkResponses: true, idleGraceMs: 0 }
    const opened = await createApp({ ...common, database: connections })
    await opened.start({ work: !set })
    return opened
  }
  let app = await open(false)
  stack.defer(() => app.stop())
  const { key, merchantId } = await openShop(app)
  return {
    get app() {
      return app
    },
    get url() {
      return app.url()
    },
    get address() {
      return addressOf(app)
    },
    crash: async () => {
      if (!set) throw new Error('what runs by itself cannot be killed in this process: see test/process.ts')
      const killed = app
      const closed = killed.db.close()
      app = await open(true)
      // What it still tries fails at the database, as it would not even have been tried.
      await Promise.allSettled([closed, killed.stop()])
    },
    key,
    merchantId,
    log,
    database,
    clock,
    api: (method, path, body, headers) => call(addressOf(app), key, { method, path, body, headers }),
    advance: (ms) => advance(app, set, ms),
    jump: async (ms) => {
      set?.advance(ms - STEP_MS)
      await advance(app, set, STEP_MS)
    },
    skip: (ms) => {
      if (set) throw new Error('time stands still in this world: advance it instead')
      aheadMs += ms
    },
    broken: async () =>
      (
        await Promise.all(app.modules.flatMap(({ invariants = [] }) => invariants).map((one) => one.check(app.db)))
      ).flat(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

/** The sandbox has a merchant; elsewhere one is made. */
async function openShop({ identity, db, sandboxKey }: App): Promise<{ key: string; merchantId: string }> {
  if (sandboxKey !== undefined) {
    return { key: sandboxKey, merchantId: (await identity.authenticate(`Bearer ${sandboxKey}`)).merchantId }
  }
  const actor = { type: 'system', id: 'test' } as const
  return db.transaction(async (tx) => {
    const { id: merchantId } = await identity.createMerchant(tx, { name: 'Test Shop' }, actor)
    const { secret: key } = await identity.createKey(tx, { merchantId, name: 'test' }, actor)
    return { key, merchantId }
  })
}

function addressOf({ http }: App): string {
  const address = http.server.address()
  if (address === null || typeof address === 'string') throw new Error('it does not listen')
  return `http://127.0.0.1:${address.port}`
}

interface Call {
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly headers?: Record<string, string> | undefined
}

async function call(url: string, key: string, { method, path, body, headers }: Call): Promise<Answer> {
  const answer = await fetch(`${url}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    redirect: 'manual',
  })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.includes('json')
  return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text }
}

const STEP_MS = 1000

async function advance(app: App, clock: SetClock | undefined, ms: number): Promise<void> {
  if (!clock) throw new Error('this world runs in real time: wait for a condition instead')
  await app.jobs.runDue()
  for (let left = ms; left > 0; left -= STEP_MS) {
    clock.advance(Math.min(STEP_MS, left))
    await app.jobs.runDue()
  }
}
