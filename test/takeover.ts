import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { sql, type Db } from '#platform/database/db'
import { sandboxSchema } from '#sandbox'
import { call, type Answer } from './cluster/client.ts'
import { findFreePorts } from './cluster/programs.ts'
import { openTestDatabase, type TestDatabase } from './database.ts'
import { startProviders } from './live.ts'
import { createFolder, kill, runPurser, startPurser } from './process.ts'
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { waitFor } from './wait.ts'

/** Two instances of the program on one database. Each has its own proxies before the database and before the providers. */
export interface Site extends AsyncDisposable {
  /** The database of the program, past all proxies. */
  readonly db: Db
  /** The database of the simulated providers. In the sandbox, that of the program. */
  readonly providers: Db
  readonly first: Instance
  /** Runs a command of the operator, and returns its output. Throws when it fails. */
  run(...args: string[]): Promise<string>
  /** Starts another instance. From then on it receives the callbacks of the providers. */
  startSecond(): Promise<Instance>
}

export interface Instance {
  /** Id in `platform.instances`. */
  readonly id: string
  readonly database: TcpProxy
  readonly provider: Gate
  signal(signal: NodeJS.Signals): void
  /** Calls the API of this instance. Never throws: without an answer the status is 0. */
  call(method: string, path: string, body?: object, idempotencyKey?: string): Promise<Answer>
  /** Returns how often a cron has succeeded in this instance. */
  countRuns(cron: string): Promise<number>
}

/** An answer of the provider that does not reach the program yet. */
export interface Held {
  /** Resolves when the provider has answered. */
  readonly answered: Promise<void>
  /** Sends the answer to the program, or another one instead. */
  release(instead?: { status: number; body: object }): void
}

/** An HTTP proxy between one instance and the simulated providers. */
export interface Gate extends AsyncDisposable {
  readonly url: string
  /** Requests that the instance sent to a path, and whose body contains the text. */
  count(path: string, text?: string): number
  /** Holds back the answer to the next request to a path. */
  hold(path: string): Held
  /** Answers requests to this path with 503 until the returned function is called, and does not pass them on. */
  refuse(path: string): () => void
}

export const PUSH = '/mpesa/stkpush/v1/processrequest'
export const PUSH_QUERY = '/mpesa/stkpushquery/v1/query'
export const PAYOUT = '/mpesa/b2c/v3/paymentrequest'
export const PAYOUT_QUERY = '/mpesa/transactionstatus/v1/query'

/** An instance is dead after 10 s of silence. The next claims follow within seconds. */
export const TAKEN_UP_MS = 15_000
/** Limit of a request. The program answers late when it was stopped. */
const CALL_LIMIT_MS = 60_000
const SANDBOX_KEY = `sk_test_${'0'.repeat(24)}`

/** Opens a site. In the sandbox, webhooks may go to this machine. */
export async function openSite(t: TestContext, mode: 'live' | 'sandbox'): Promise<Site> {
  await using stack = new AsyncDisposableStack()
  const folder = createFolder(t)
  const database = stack.use(await openTestDatabase([]))
  const providers = mode === 'live' ? await openProviders(stack) : undefined
  const ports = await findFreePorts(2)
  // The front is the public address: it passes callbacks on to one instance.
  const front = stack.use(await openTcpProxy({ port: ports[0] ?? 0 }))
  const settings = {
    PURSER_MODE: mode,
    PUBLIC_URL: `http://127.0.0.1:${front.port}`,
    HOST: '127.0.0.1',
    PURSER_MASTER_KEY_FILE: join(folder, 'master.key'),
    RATES_SOURCES: 'none',
    ...(mode === 'sandbox' && { PURSER_SANDBOX_KEY: SANDBOX_KEY }),
  }
  // Lives on when `stack` has handed over what it holds.
  const instances = stack.use(new AsyncDisposableStack())
  let key = SANDBOX_KEY
  let started = 0
  const start = async (): Promise<Instance> => {
    const port = ports[started] ?? 0
    const name = `instance${++started}`
    const proxy = instances.use(await openTcpProxy(socketOf(database)))
    const provider = instances.use(await openGate(providers?.url ?? ''))
    const env = { ...settings, DATABASE_URL: urlOf(database, proxy), ...providers?.settings(provider.url) }
    const { pid, exited } = await startPurser({ dataDir: join(folder, name), port, cwd: folder, env })
    instances.defer(async () => {
      kill(pid, 'SIGKILL')
      await exited
    })
    const { id } = await database.owner.one<{ id: string }>(sql`select id from platform.instances where pid = ${pid}`)
    const url = `http://127.0.0.1:${port}`
    return {
      id,
      database: proxy,
      provider,
      signal: (signal) => kill(pid, signal),
      call: (method, path, body, idempotencyKey) =>
        call(url, key, {
          method,
          path,
          timeoutMs: CALL_LIMIT_MS,
          ...(body && { body }),
          ...(idempotencyKey !== undefined && { idempotencyKey }),
        }),
      countRuns: (cron) => countRuns(url, cron),
    }
  }
  const first = await start()
  const run = async (...args: string[]): Promise<string> => {
    const env = { ...settings, DATABASE_URL: urlOf(database, first.database) }
    const result = await runPurser(args, { dataDir: join(folder, 'operator'), cwd: folder, env })
    if (result.code !== 0) throw new Error(`purser ${args.join(' ')}: ${result.stdout}${result.stderr}`)
    return result.stdout.trim()
  }
  if (mode === 'live') key = await run('key', 'create', await run('merchant', 'create', 'Shop'))
  const held = stack.move()
  return {
    db: database.owner,
    providers: providers?.db ?? database.owner,
    first,
    run,
    startSecond: async () => {
      const second = await start()
      front.retarget({ port: ports[1] ?? 0 })
      front.cut()
      return second
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function openProviders(stack: AsyncDisposableStack) {
  const database = stack.use(await openTestDatabase([sandboxSchema]))
  const { url, mpesa, stop } = await startProviders(database.ownerConnection)
  stack.defer(stop)
  return {
    url,
    db: database.owner,
    settings: (gateUrl: string) => ({
      ...mpesa,
      MPESA_BASE_URL: (mpesa['MPESA_BASE_URL'] ?? '').replace(url, gateUrl),
    }),
  }
}

const socketOf = ({ ownerConnection: { host, port } }: TestDatabase): { path: string } => ({
  path: `${String(host)}/.s.PGSQL.${String(port)}`,
})

function urlOf({ ownerConnection: { user, password, database } }: TestDatabase, { port }: TcpProxy): string {
  const login = [user, password].map((part) => encodeURIComponent(String(part))).join(':')
  return `postgresql://${login}@127.0.0.1:${port}/${String(database)}`
}

async function countRuns(url: string, cron: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const line = `purser_crons_total{cron="${cron}",status="succeeded"} `
  const at = metrics.indexOf(line)
  return at < 0 ? 0 : Number.parseInt(metrics.slice(at + line.length), 10)
}

async function openGate(target: string): Promise<Gate> {
  const seen: { path: string; body: string }[] = []
  const holds: {
    path: string
    answered: () => void
    released: Promise<{ status: number; body: object } | undefined>
  }[] = []
  const refused = new Set<string>()
  const pass = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? ''
    const body = Buffer.concat(await request.toArray()).toString()
    seen.push({ path, body })
    if ([...refused].some((each) => path.endsWith(each))) return void response.writeHead(503).end()
    const at = holds.findIndex((each) => path.endsWith(each.path))
    const [hold] = at < 0 ? [] : holds.splice(at, 1)
    const { authorization = '', 'content-type': type = '' } = request.headers
    const headers = { authorization, ...(type && { 'content-type': type }) }
    const answer = await fetch(target + path, { method: request.method ?? 'GET', headers, ...(body && { body }) })
    const text = await answer.text()
    hold?.answered()
    const instead = await hold?.released
    response.writeHead(instead?.status ?? answer.status, { 'content-type': 'application/json' })
    response.end(instead ? JSON.stringify(instead.body) : text)
  }
  // A stopped process must find its connection open, as at a provider that waits for long: else its next request fails unseen.
  const server = createServer({ keepAliveTimeout: CALL_LIMIT_MS }, (request, response) => {
    pass(request, response).catch(() => response.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: (path, text = '') => seen.filter((each) => each.path.endsWith(path) && each.body.includes(text)).length,
    hold: (path) => {
      const answered = Promise.withResolvers<void>()
      const released = Promise.withResolvers<{ status: number; body: object } | undefined>()
      holds.push({ path, answered: answered.resolve, released: released.promise })
      return { answered: answered.promise, release: released.resolve }
    },
    refuse: (path) => {
      refused.add(path)
      return () => void refused.delete(path)
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

/** Creates a payment of 100 KES by phone. */
export async function createPayment({ call: send }: Instance): Promise<string> {
  const { status, body } = await send('POST', '/api/v1/payments', { amount: '100.00', currency: 'KES' })
  if (status !== 201) throw new Error(`The payment was not created: ${status} ${JSON.stringify(body)}`)
  return body.id as string
}

/** Creates a payment, and pays it from a phone. */
export async function createPaid(instance: Instance, phone: string): Promise<string> {
  const id = await createPayment(instance)
  await instance.call('POST', `/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone })
  await waitForStatus(instance, `/api/v1/payments/${id}`, 'paid')
  return id
}

/** Waits until an object of the API has a status, and returns it. */
export const waitForStatus = ({ call: send }: Instance, path: string, status: string): Promise<any> =>
  waitFor(
    `${path} to be ${status}`,
    async () => {
      const { body } = await send('GET', path)
      return body.status === status && body
    },
    30_000,
  )

/** Stops an instance, lets its proxies deliver what they hold, and waits until another one has removed it and freed its claims. */
export async function stopUntilRemoved({ db }: Site, { id, signal, database }: Instance): Promise<void> {
  signal('SIGSTOP')
  database.thaw()
  const isRemoved = async (): Promise<boolean> =>
    (await db.maybe(sql`select 1 as found from platform.instances where id = ${id}`)) === undefined
  await waitFor('the stopped instance to be removed', isRemoved, 40_000)
}
