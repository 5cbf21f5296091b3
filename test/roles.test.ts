import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openDb, sql } from '#platform/database/db'
import { openOwnPostgres, postgresMissing } from './debian-postgres.ts'
import { createFolder, notLinux, startPurser, type PurserProcess } from './process.ts'
import { waitFor } from './wait.ts'
import { openWorld } from './world.ts'

const options = { skip: notLinux || postgresMissing, timeout: 120_000 }
const KEY = 'sk_test_of-both-instances'

interface Pair {
  readonly web: PurserProcess
  readonly worker: PurserProcess
  readonly restartWeb: () => Promise<PurserProcess>
  api(method: string, path: string, body?: object): Promise<any>
}

/** A sandbox of two processes on one database: one answers requests, the other does the background work. */
async function openPair(t: TestContext, databaseUrl: string): Promise<Pair> {
  const folder = createFolder(t)
  const open = (instance: string): Promise<PurserProcess> => {
    const cwd = join(folder, instance)
    mkdirSync(cwd, { recursive: true })
    const env = {
      DATABASE_URL: databaseUrl,
      INSTANCE_TYPE: instance,
      PURSER_SANDBOX_KEY: KEY,
      PURSER_MASTER_KEY_FILE: join(folder, 'master.key'),
    }
    return startPurser({ dataDir: join(cwd, 'data'), env })
  }
  let web = await open('web')
  const worker = await open('worker')
  return {
    get web() {
      return web
    },
    worker,
    restartWeb: async () => (web = await open('web')),
    api: (method, path, body) => call(web.url, method, path, body),
  }
}

async function call(url: string, method: string, path: string, body?: object): Promise<any> {
  const headers = { authorization: `Bearer ${KEY}`, ...(body && { 'content-type': 'application/json' }) }
  const answer = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
  return answer.json()
}

const create = async ({ api }: Pair): Promise<string> =>
  (await api('POST', '/api/v1/payments', { amount: '1500.00', currency: 'KES' })).id

const settles = ({ api }: Pair, id: string, status = 'paid'): Promise<unknown> =>
  waitFor(
    `payment ${id} to be ${status}`,
    async () => (await api('GET', `/api/v1/payments/${id}`)).status === status,
    30_000,
  )

void test(
  'a sandbox of a web and a worker process settles payments, whatever address the callback names',
  options,
  async (t) => {
    await using postgres = await openOwnPostgres()
    const pair = await openPair(t, postgres.url)
    const { api, worker } = pair
    const db = openDb({ connection: { connectionString: postgres.url }, max: 1 })
    t.after(() => db.close())
    const arrived = async (rail: string): Promise<number> =>
      (await db.one<{ count: number }>(sql`select count(*)::int as count from inbox.events where rail = ${rail}`)).count

    await t.test('by callback: the phone answers at once', async () => {
      const id = await create(pair)
      await api('POST', `/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone: '254700000001' })
      await waitFor('the callback', async () => (await arrived('mpesa')) === 1)
      await settles(pair, id)
    })
    await t.test('by query alone: the callback of this phone is lost', async () => {
      const id = await create(pair)
      await api('POST', `/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone: '254700000005' })
      await settles(pair, id)
    })
    await t.test('by hashed callback of another network', async () => {
      const id = await create(pair)
      await api('POST', `/api/v1/payments/${id}/attempts`, { method: 'airtel', phone: '254730000001' })
      await waitFor('the callback', async () => (await arrived('airtel')) === 1)
      await settles(pair, id)
    })
    await t.test('a refund reaches the phone', async () => {
      const id = await create(pair)
      await api('POST', `/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone: '254700000001' })
      await settles(pair, id)
      const refund = await api('POST', `/api/v1/payments/${id}/refunds`, { amount: '500.00' })
      await waitFor(
        'the refund',
        async () => (await api('GET', `/api/v1/refunds/${refund.id}`)).status === 'succeeded',
        30_000,
      )
    })
    await t.test('the callback names the address of a web process that has ended', async () => {
      const id = await create(pair)
      await api('POST', `/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone: '254700000001' })
      pair.web.kill('SIGKILL')
      await pair.web.exited
      await pair.restartWeb()
      await settles(pair, id)
      const { checks } = await call(worker.url, 'GET', '/health/detailed')
      assert.equal(checks.payments.status, 'healthy', JSON.stringify(checks.payments))
    })
    await t.test('the worker serves health, simulators and callbacks, and nothing of the merchant API', async () => {
      assert.equal((await fetch(`${worker.url}/api/v1/payments`)).status, 404)
      assert.equal((await fetch(`${worker.url}/health/ready`)).status, 200)
      const forged = await fetch(`${worker.url}/api/webhook/stripe`, { method: 'POST', body: '{}' })
      assert.equal(forged.status, 401)
    })
  },
)

void test('payments are degraded while a provider answers no query, on every instance, and healthy after its answer', async () => {
  await using world = await openWorld()
  const payments = async () => (await world.api('GET', '/health/dependencies')).body.dependencies.payments
  const { body } = await world.api('POST', '/api/v1/payments', { amount: '1500.00', currency: 'KES' })
  await world.api('POST', `/api/v1/payments/${body.id}/attempts`, { method: 'mpesa', phone: '254799000001' })
  await world.api('POST', '/sandbox/daraja/faults', { kind: '500', count: 1000 })
  const found = await waitFor('the report', async () => {
    await world.jump(30_000)
    const report = await payments()
    return report.detail.silent !== undefined && report
  })
  assert.equal(found.status, 'degraded')
  assert.match(found.detail.silent[0], /^mpesa: no query is answered since 2/)
  assert.equal(found.detail.overdueSeconds, 0, 'the polls themselves are in time')
  await world.api('POST', '/sandbox/daraja/faults', { kind: '500', count: 0 })
  await waitFor('recovery', async () => {
    await world.jump(30_000)
    return (await payments()).status === 'healthy'
  })
})
