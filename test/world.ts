import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClientConfig } from 'pg'
import { createApp, loadSchemas, type App } from '../src/app.ts'
import { loadAppConfig } from '../src/foundation.ts'
import { addMs, createSetClock, systemClock, type Clock, type SetClock } from '#platform/base/clock'
import { claimDatabase, masterKeyPath } from '#platform/process/database-claim'
import { NO_POOLER } from '#platform/database/pooler'
import { createIds } from '#platform/base/ids'
import { createMemoryLog, type MemoryLog } from '#platform/observe/log'
import { openTestDatabase, type TestDatabase } from './database.ts'

export interface Answer {
  readonly status: number
  readonly headers: Headers
  // API objects are untyped here: each test states its expectations.
  readonly body: any
}

/** The whole program in this process, on a fresh database. */
export interface World extends AsyncDisposable {
  readonly app: App
  /** Base URL of links. */
  readonly url: string
  /** Base URL where the program listens: equals `url` unless PUBLIC_URL is set. */
  readonly address: string
  /** The merchant's API key. */
  readonly key: string
  readonly merchantId: string
  readonly log: MemoryLog
  readonly database: TestDatabase
  /** Calls the API as the merchant. `headers` can replace the key. */
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>
  /**
   * Advances the set clock second by second and runs everything that becomes due. Requires a set clock.
   */
  advance(ms: number): Promise<void>
  /** Advances the set clock in one step, then runs what is due. For long times without intermediate checks. */
  jump(ms: number): Promise<void>
  /** Moves a running clock forward. Due work then runs by itself. Requires the system clock. */
  skip(ms: number): void
  readonly clock: Clock
  /**
   * Simulates a SIGKILL: the current program can no longer write, whatever it was doing, and a new one starts on the database as it is.
   * Requires a set clock.
   */
  crash(): Promise<void>
  /** Returns one sentence per violated invariant. */
  broken(): Promise<string[]>
}

export interface WorldOptions {
  /** Default: `sandbox`. `live` needs `env` with the simulators' credentials. */
  readonly mode?: 'sandbox' | 'live'
  /** `system`: jobs run by themselves in real time. `set` (default): time stands still until `advance`. */
  readonly clock?: 'set' | 'system'
  readonly env?: Readonly<Record<string, string>>
  /** Replaces the connection of the program, such as by one through a proxy. */
  readonly route?: (direct: ClientConfig) => ClientConfig | Promise<ClientConfig>
  /** Random source of ids. Default: the system's. */
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
  const connection = options.route ? await options.route(database.connection) : database.connection
  const set = options.clock === 'system' ? undefined : createSetClock()
  let aheadMs = 0
  const clock = set ?? { now: () => addMs(systemClock.now(), aheadMs) }
  const config = loaded.config.platform
  const masterKey = await claimDatabase(database.owner, { mode, keyPath: masterKeyPath(config), clock })
  const log = createMemoryLog({ level: 'debug' })
  const ids = createIds(clock, options.bytes)
  const open = async (exclusive: boolean): Promise<App> => {
    const connections = {
      app: connection,
      direct: connection,
      user: database.user,
      pooler: NO_POOLER,
      role: 'restricted' as const,
      exclusive,
    }
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
      if (!set) throw new Error('a world with the system clock cannot crash in this process: see test/process.ts')
      const killed = app
      const closed = killed.db.close()
      app = await open(true)
      // Its remaining writes fail at the database, as if they had never been tried.
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

/** Returns the sandbox merchant; creates a merchant in other modes. */
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
  if (address === null || typeof address === 'string') throw new Error('the program does not listen')
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
