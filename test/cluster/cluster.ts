import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { sandboxSchema } from '#sandbox'
import { openTestDatabase, type TestDatabase } from '../database.ts'
import { startProviders } from '../live.ts'
import { createFolder, runPurser } from '../process.ts'
import { openTcpProxy, type TcpProxy } from '../tcp-proxy.ts'
import { waitFor } from '../wait.ts'
import { call } from './client.ts'
import { createInstance, type Instance, type Role } from './instances.ts'
import { createPurserDatabase, openPostgres, type PostgresServer } from './postgres.ts'
import { findFreePorts } from './programs.ts'
import { createHaproxy, createPgbouncer, createRedis, type Restartable } from './servers.ts'

/** Purser on several instances, with everything that stands around it in production. */
export interface Cluster extends AsyncDisposable {
  /** URL of the balancer, which merchants and providers call. */
  readonly url: string
  /** API key of the merchant. */
  readonly key: string
  readonly webs: readonly Instance[]
  readonly workers: readonly Instance[]
  readonly instances: readonly Instance[]
  /** Stands before the primary. PgBouncer and all instances connect through it. */
  readonly proxy: TcpProxy
  readonly redis: Restartable
  readonly pgbouncer: Restartable
  /** The server that accepts writes. */
  readonly primary: PostgresServer
  /** Database of the simulated providers. No fault reaches it. */
  readonly providers: TestDatabase
  /** Stops and continues the simulated providers. */
  readonly signalProviders: (signal: 'SIGSTOP' | 'SIGCONT') => void
  /** Settings of an instance whose database URL leads to PgBouncer, or directly to the primary. */
  settings(route: 'direct' | 'pooled'): Record<string, string>
  /** Kills the primary, promotes the standby, and sends new connections to it. */
  failOver(): Promise<void>
  /** Runs a command of the operator. Throws when it fails. */
  run(...args: string[]): Promise<string>
  waitUntilReady(limitMs?: number): Promise<void>
}

export interface ClusterOptions {
  /** More settings of every instance. */
  readonly env: Readonly<Record<string, string>>
}

const PASSWORD = 'secret'
const WEBS = 3
const WORKERS = 2

/** Starts all servers and instances, and creates a merchant. */
export async function openCluster({ env }: ClusterOptions): Promise<Cluster> {
  await using stack = new AsyncDisposableStack()
  const folder = createFolder({ after: (end) => stack.defer(end) })
  // The account of PostgreSQL must reach its folder below this one.
  chmodSync(folder, 0o711)
  const database = await openDatabaseServers(folder, stack)
  const { pgbouncer, proxy } = database
  const redis = stack.use(await createRedis(folder))
  const [balancerPort = 0, ...ports] = await findFreePorts(1 + WEBS + WORKERS)
  const haproxy = stack.use(createHaproxy(folder, balancerPort, ports.slice(0, WEBS)))
  const url = `http://127.0.0.1:${balancerPort}`
  const providers = stack.use(await openTestDatabase([sandboxSchema]))
  const simulators = await startProviders(providers.ownerConnection)
  stack.defer(() => simulators.stop())
  await Promise.all([redis.start(), haproxy.start()])

  const urlOf = (port: number): string => `postgres://purser:${PASSWORD}@127.0.0.1:${port}/purser`
  const settings: Cluster['settings'] = (route) => ({
    PURSER_MODE: 'live',
    PUBLIC_URL: url,
    TRUST_PROXY: '1',
    PURSER_MASTER_KEY_FILE: join(folder, 'master.key'),
    REDIS_URL: `redis://127.0.0.1:${redis.port}`,
    RATES_SOURCES: 'none',
    ...(route === 'direct'
      ? { DATABASE_URL: urlOf(proxy.port) }
      : { DATABASE_URL: urlOf(pgbouncer.port), DATABASE_DIRECT_URL: urlOf(proxy.port) }),
    ...simulators.mpesa,
    ...env,
  })
  const create = (role: Role, count: number, from: number): Instance[] =>
    Array.from({ length: count }, (_, i) => {
      const instance = { name: `${role}${i + 1}`, role, port: ports[from + i] ?? 0 }
      return createInstance({ ...instance, folder, env: settings('direct') })
    })
  const webs = create('web', WEBS, 0)
  const workers = create('worker', WORKERS, WEBS)
  const instances = [...webs, ...workers]
  stack.defer(async () => void (await Promise.all(instances.map((instance) => instance.stop('SIGKILL')))))
  const run: Cluster['run'] = async (...args) => {
    const result = await runPurser(args, { dataDir: join(folder, 'operator'), cwd: folder, env: settings('direct') })
    if (result.code !== 0) throw new Error(`purser ${args.join(' ')}: ${result.stdout}${result.stderr}`)
    return result.stdout
  }
  // The first instance migrates, and creates the master key that all share.
  const [firstWeb, ...others] = instances
  await firstWeb?.start()
  const [key] = await Promise.all([createMerchant(run, url), ...others.map((instance) => instance.start())])
  const waitUntilReady: Cluster['waitUntilReady'] = async (limitMs = 60_000) => {
    await waitFor('all instances to be ready', () => areReady(instances), limitMs)
  }
  await waitUntilReady()
  const owned = stack.move()
  return {
    url,
    key,
    webs,
    workers,
    instances,
    proxy,
    redis,
    pgbouncer,
    get primary() {
      return database.primary
    },
    providers,
    signalProviders: simulators.signal,
    settings,
    failOver: database.failOver,
    run,
    waitUntilReady,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

/** Starts the primary, its standby, the proxy and PgBouncer. */
async function openDatabaseServers(folder: string, stack: AsyncDisposableStack) {
  let primary = stack.use(await openPostgres(folder))
  await createPurserDatabase(primary, PASSWORD)
  const standby = stack.use(await primary.addStandby())
  const proxy = stack.use(await openTcpProxy({ port: primary.port }))
  const pgbouncer = stack.use(await createPgbouncer(folder, { databasePort: proxy.port, password: PASSWORD }))
  await pgbouncer.start()
  return {
    proxy,
    pgbouncer,
    get primary() {
      return primary
    },
    failOver: async () => {
      await primary.kill()
      await standby.promote()
      primary = standby
      proxy.retarget({ port: standby.port })
    },
  }
}

async function createMerchant(run: Cluster['run'], url: string): Promise<string> {
  const merchant = (await run('merchant', 'create', 'Test Shop')).trim()
  const key = (await run('key', 'create', merchant)).trim()
  const create = { method: 'POST', path: '/api/v1/webhook-endpoints', timeoutMs: 5_000 }
  // No delivery arrives, because no such domain exists. The events are counted in the database.
  const body = { url: 'https://merchant.invalid/events', events: ['*'] }
  await waitFor('the balancer to reach an instance', async () => {
    const { status } = await call(url, key, { ...create, body })
    return status === 201
  })
  return key
}

async function areReady(instances: readonly Instance[]): Promise<boolean> {
  const reports = await Promise.all(instances.map((instance) => instance.health()))
  return reports.every(({ status }) => status === 200)
}
