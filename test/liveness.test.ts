import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { rawSql, sql } from '#platform/database/db'
import { openTestDatabase } from './database.ts'
import { createFolder, notLinux, startPurser, type PurserProcess } from './process.ts'
import { openReceiver, type Receiver } from './receiver.ts'
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { waitFor, letTimePass } from './wait.ts'

// A whole process loses its database in several ways, and works again without a restart. The measured times are printed; the limits are
// generous. `PURSER_FULL=1` stops the process for a minute.
const STOPPED_MS = process.env['PURSER_FULL'] === '1' ? 60_000 : 15_000
const OUTAGE_MS = 20_000
/** A transaction that froze keeps its locks for 30 s, until PostgreSQL ends it. */
const RECOVERY_LIMIT_MS = 120_000
const TEST_LIMIT_MS = 300_000
/** Limit of a statement in the test. The client gives up 5 s later. */
const STATEMENT_LIMIT_MS = 2_000

interface Site extends AsyncDisposable {
  readonly purser: PurserProcess
  readonly proxy: TcpProxy
  readonly receiver: Receiver
  /** Ends the sessions that the proxy holds frozen. The server still counts them, and other tests need room. */
  endFrozen(frozenAt: Date): Promise<void>
}

/** Starts the program on a database behind a proxy, with a webhook endpoint. */
async function openSite(t: TestContext, env: Record<string, string> = {}): Promise<Site> {
  await using stack = new AsyncDisposableStack()
  const database = stack.use(await openTestDatabase([]))
  // Another checkout has other tables of migrations.
  await database.owner.run(rawSql('drop schema if exists platform cascade'))
  const { host, port, user, password, database: name } = database.ownerConnection
  const proxy = stack.use(await openTcpProxy({ path: `${String(host)}/.s.PGSQL.${String(port)}` }))
  const receiver = stack.use(await openReceiver())
  const login = [user, password].map((part) => encodeURIComponent(String(part))).join(':')
  const DATABASE_URL = `postgresql://${login}@127.0.0.1:${proxy.port}/${String(name)}`
  const purser = await startPurser({
    dataDir: join(createFolder(t), 'data'),
    env: { DATABASE_URL, DATABASE_STATEMENT_TIMEOUT_MS: String(STATEMENT_LIMIT_MS), ...env },
  })
  stack.defer(async () => {
    purser.kill('SIGKILL', 'group')
    await purser.exited
  })
  await call(purser, 'POST', '/api/v1/webhook-endpoints', { url: receiver.url })
  const endFrozen = async (frozenAt: Date): Promise<void> => {
    // A session that froze during its login has no database yet. While it waits, no database of the server can be dropped.
    await database.owner.run(sql`select pg_terminate_backend(pid) from pg_stat_activity
      where (datname = current_database() or datname is null and backend_type = 'client backend')
        and backend_start < ${frozenAt} and pid <> pg_backend_pid()`)
  }
  const held = stack.move()
  return { purser, proxy, receiver, endFrozen, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Sends a request with one idempotency key until it is accepted. */
async function call(purser: PurserProcess, method: string, path: string, body?: object): Promise<any> {
  const headers = {
    authorization: `Bearer ${purser.key}`,
    'content-type': 'application/json',
    ...(method === 'POST' && { 'idempotency-key': crypto.randomUUID() }),
  }
  return waitFor(
    `${method} ${path}`,
    async () => {
      const answer = await request(purser, path, {
        method,
        headers,
        ...(body && { body: JSON.stringify(body) }),
      })
      return answer && answer.status < 300 ? answer.body : undefined
    },
    RECOVERY_LIMIT_MS,
  )
}

/** Sends a request. Undefined without an answer in time. */
async function request(purser: PurserProcess, path: string, init: RequestInit = {}) {
  try {
    const answer = await fetch(purser.url + path, { ...init, signal: AbortSignal.timeout(10_000) })
    const text = await answer.text()
    const body: any = text.startsWith('{') ? JSON.parse(text) : undefined
    return { status: answer.status, text, body }
  } catch {
    return undefined
  }
}

/** Creates a payment, pays it, and waits until it is paid and its event has been delivered. */
async function settle({ purser, receiver }: Site): Promise<void> {
  const { id } = await call(purser, 'POST', '/api/v1/payments', { amount: '100.00', currency: 'KES' })
  await call(purser, 'POST', `/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone: '254700000001' })
  const isPaid = async (): Promise<boolean> => (await call(purser, 'GET', `/api/v1/payments/${id}`)).status === 'paid'
  await waitFor('the payment to be paid', isPaid, RECOVERY_LIMIT_MS)
  await waitFor('its event', () => receiver.types(id).includes('payment.paid'), RECOVERY_LIMIT_MS)
}

/** Returns the successful runs of a cron that is due each second. */
async function countCronRuns(purser: PurserProcess): Promise<number> {
  const metrics = await request(purser, '/metrics')
  return Number(
    /purser_crons_total\{cron="payments.expire-intents",status="succeeded"\} (\d+)/.exec(metrics?.text ?? '')?.[1] ?? 0,
  )
}

const statusOf = async (purser: PurserProcess, path: string): Promise<number | undefined> =>
  (await request(purser, path))?.status

/** Waits until everything works again, and prints how long each part took. */
async function requireRecovery(t: TestContext, site: Site): Promise<void> {
  const { purser } = site
  const from = performance.now()
  const runs = await countCronRuns(purser)
  const timed = async (what: string, work: Promise<unknown>): Promise<void> => {
    await work
    t.diagnostic(`${what}: ${((performance.now() - from) / 1000).toFixed(1)} s`)
  }
  await Promise.all([
    timed('a payment settled', settle(site)),
    timed(
      'crons run',
      waitFor('the cron to run', async () => (await countCronRuns(purser)) > runs + 1, RECOVERY_LIMIT_MS),
    ),
    timed(
      'ready',
      waitFor('readiness', async () => (await statusOf(purser, '/health/ready')) === 200, RECOVERY_LIMIT_MS),
    ),
  ])
  // Once more: the first payment must not be the last.
  await timed('a second payment settled', settle(site))
  assert.equal(await statusOf(purser, '/health/live'), 200)
}

describe('a process recovers without a restart', { concurrency: true, skip: notLinux, timeout: TEST_LIMIT_MS }, () => {
  test('after all its connections froze for good', { timeout: TEST_LIMIT_MS }, async (t) => {
    await using site = await openSite(t)
    await settle(site)
    const frozenAt = new Date()
    site.proxy.freeze()
    await requireRecovery(t, site)
    await site.endFrozen(frozenAt)
  })

  test('after the connections froze in the middle of its work', { timeout: TEST_LIMIT_MS }, async (t) => {
    await using site = await openSite(t)
    for (const answer of ['COMMIT', 'UPDATE', 'DELETE', 'SELECT']) {
      const frozen = site.proxy.freezeOn((text) => text.includes(answer))
      const paid = settle(site)
      await frozen
      const frozenAt = new Date()
      site.proxy.freeze()
      const from = performance.now()
      await paid
      t.diagnostic(`frozen before the answer to ${answer}: ${((performance.now() - from) / 1000).toFixed(1)} s`)
      await site.endFrozen(frozenAt)
    }
    await requireRecovery(t, site)
  })

  test('after it was stopped, without failing its liveness', { timeout: TEST_LIMIT_MS }, async (t) => {
    await using site = await openSite(t)
    const { purser } = site
    await settle(site)
    const paid = settle(site)
    purser.kill('SIGSTOP')
    await letTimePass(STOPPED_MS)
    purser.kill('SIGCONT')
    assert.equal(await statusOf(purser, '/health/live'), 200)
    const recovered = requireRecovery(t, site)
    await paid
    await recovered
  })

  test(
    'after an outage of its database, which fails readiness and not liveness',
    { timeout: TEST_LIMIT_MS },
    async (t) => {
      await using site = await openSite(t)
      const { purser, proxy } = site
      await settle(site)
      proxy.refuse()
      proxy.cut()
      const until = performance.now() + OUTAGE_MS
      await waitFor('readiness to fail', async () => (await statusOf(purser, '/health/ready')) === 503)
      while (performance.now() < until) {
        assert.equal(await statusOf(purser, '/health/live'), 200)
        await letTimePass(500)
      }
      proxy.accept()
      await requireRecovery(t, site)
    },
  )
})

const loops = new URL('../src/platform/runtime/jobs/loop.ts', import.meta.url).href
const log = new URL('../src/platform/observe/log.ts', import.meta.url).href
/** Starts a loop in the process whose step never ends and has no deadline. */
const HUNG_LOOP = `import { createLoop } from '${loops}'; import { silentLog } from '${log}'
createLoop({ name: 'trial', everyMs: 1000, limitMs: 1e9, log: silentLog, step: () => new Promise(() => {}) }).start()`

test('a loop that hangs fails the liveness with its name', { skip: notLinux, timeout: TEST_LIMIT_MS }, async (t) => {
  const dataDir = join(createFolder(t), 'data')
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(HUNG_LOOP)}`
  const purser = await startPurser({ dataDir, env: { NODE_OPTIONS } })
  assert.equal(await statusOf(purser, '/health/live'), 200)
  const failed = async () => {
    const live = await request(purser, '/health/live')
    return live?.status === 503 && (live.body as { problems: string[] })
  }
  assert.deepEqual((await waitFor('liveness to fail', failed, 90_000)).problems, ['loop trial hangs'])
  assert.equal(await statusOf(purser, '/health/ready'), 200, 'requests are still served')
})
