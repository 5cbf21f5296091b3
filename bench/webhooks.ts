// Measures deliveries to endpoints on loopback: rate, delay beside a dead endpoint, and delay after the payment was paid.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { createIdentity, identitySchema } from '#identity'
import { systemClock } from '#platform/base/clock'
import { openDb, sql, type Db } from '#platform/database/db'
import { createFetch } from '#platform/web/fetch'
import { createIds } from '#platform/base/ids'
import { createJobs, migrateJobs, type Jobs } from '#platform/runtime/jobs'
import { silentLog } from '#platform/observe/log'
import { createMasterKey } from '#platform/environment/masterkey'
import { createMetrics } from '#platform/observe/metrics'
import { applyGrants } from '#platform/database/grants'
import { migrate } from '#platform/database/migrate'
import { platformSchema } from '#platform/database/schema'
import { createWebhooks, webhooksSchema, type Webhooks } from '#webhooks'
import { ms, type Bench, type BenchContext } from './lib/result.ts'
import { programPath, spawnServer } from './lib/server.ts'
import { describeDatabase, openAll } from './lib/sides.ts'
import { until } from './lib/until.ts'

const MERCHANT = 'mer_bench'
const SANDBOX_KEY = 'sk_test_bench0000000000000000000000'
const PAYING_PHONE = '254700000001'
/** Publications per second while delays are measured. Far below the machine's limit, so that no queue adds to the delay. */
const PACE = 50

const ids = createIds(systemClock)

interface Shop {
  readonly url: string
  received: number
  /** Arrival time of each event in milliseconds, by event type and object id. */
  readonly at: Map<string, number>
}

/** Starts a merchant's server. A `dead` server accepts connections and never answers. */
async function openShop(context: BenchContext, dead = false): Promise<Shop> {
  const server = createServer((request, response) => {
    const at = systemClock.now().getTime()
    let text = ''
    request.on('data', (chunk: Buffer) => (text += chunk.toString()))
    request.on('end', () => {
      shop.received += 1
      const { type, data } = JSON.parse(text) as { type: string; data: { object: { id: string } } }
      shop.at.set(`${type} ${data.object.id}`, at)
      if (!dead) response.end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  context.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  const shop: Shop = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received: 0, at: new Map() }
  return shop
}

interface Stage {
  readonly db: Db
  readonly webhooks: Webhooks
  readonly jobs: Jobs
  subscribe(merchantId: string, url: string): Promise<void>
}

/** Starts the module with its own database and jobs, in this process. */
async function openStage(context: BenchContext): Promise<Stage> {
  const { owner, app } = await context.startPostgres()
  const ownerDb = openDb({ connection: owner, max: 1 })
  const schemas = [platformSchema, identitySchema, webhooksSchema]
  await migrate(ownerDb, schemas)
  await migrateJobs(owner, app.user)
  await applyGrants(ownerDb, schemas, app.user)
  await ownerDb.close()
  const metrics = createMetrics({ defaults: false })
  const db = openDb({ connection: app })
  const base = { db, clock: systemClock, ids, log: silentLog, metrics }
  const masterKey = createMasterKey([{ version: 1, key: Buffer.alloc(32, 1) }])
  const identity = createIdentity({ ...base, mode: 'sandbox', masterKey })
  const fetch = createFetch({ log: silentLog, metrics, mode: 'sandbox', allowLoopback: true })
  const webhooks: Webhooks = createWebhooks({ ...base, identity, jobs: () => jobs, fetch, masterKey })
  const { queues = [], crons = [] } = webhooks
  const jobs: Jobs = createJobs({
    ...base,
    ...{ connection: app, jobs: [], queues, crons, instance: { version: 'bench' } },
  })
  context.defer(async () => {
    await jobs.drain(100)
    await db.close()
  })
  const actor = { type: 'system', id: 'bench' } as const
  return {
    db,
    webhooks,
    jobs,
    subscribe: async (merchantId, url) => {
      const input = { merchantId, livemode: false, url, events: ['*'] }
      await db.transaction((tx) => webhooks.createEndpoint(tx, input, actor))
    },
  }
}

const object = (id: string): object => ({ id, object: 'payment', metadata: { note: 'x'.repeat(1200) } })

const publish = ({ db, webhooks }: Stage, merchantId: string, objectIds: readonly string[]): Promise<void> =>
  db.transaction(async (tx) => {
    for (const objectId of objectIds) {
      const event = { merchantId, livemode: false, type: 'payment.paid', objectId, version: 1 }
      await webhooks.publish(tx, { ...event, render: () => object(objectId) })
    }
  })

/** Returns deliveries per second. All deliveries are due when the worker starts. */
async function measureThroughput(context: BenchContext): Promise<number> {
  const count = context.quick ? 200 : 10_000
  const stage = await openStage(context)
  const shops = await Promise.all([openShop(context), openShop(context)])
  for (const [i, { url }] of shops.entries()) await stage.subscribe(`${MERCHANT}${i}`, url)
  for (let n = 0; n < count; n += 100) {
    const batch = Array.from({ length: 100 }, () => ids.next('pay'))
    await publish(stage, `${MERCHANT}${(n / 100) % 2}`, batch)
  }
  const began = performance.now()
  await stage.jobs.start({ web: false, worker: true })
  const arrived = (): number => shops.reduce((sum, { received }) => sum + received, 0)
  await until(() => arrived() >= count, `${count} deliveries arrive`)
  return Math.round((count * 1000) / (performance.now() - began))
}

const createDelays = (): RecordableHistogram => createHistogram({ figures: 3, lowest: 1, highest: 600_000_000 })

interface Side {
  /** Delays in microseconds. */
  readonly delays: RecordableHistogram
  /** Publishes `count` events at the pace and waits until all have arrived. */
  run(count: number): Promise<void>
  close(): Promise<void>
}

/** Starts a healthy endpoint beside `dead` dead endpoints of the same merchant. Delays run from before the publication to the first byte. */
async function openSide(context: BenchContext, dead: number): Promise<Side> {
  const stage = await openStage(context)
  const shop = await openShop(context)
  await stage.subscribe(MERCHANT, shop.url)
  for (let n = 0; n < dead; n++) await stage.subscribe(MERCHANT, (await openShop(context, true)).url)
  await stage.jobs.start({ web: false, worker: true })
  const delays = createDelays()
  return {
    delays,
    run: async (count) => {
      const sent = new Map<string, number>()
      for (let n = 0; n < count; n++) {
        const id = ids.next('pay')
        sent.set(id, systemClock.now().getTime())
        await publish(stage, MERCHANT, [id])
        await delay(1000 / PACE)
      }
      await until(() => [...sent.keys()].every((id) => shop.at.has(`payment.paid ${id}`)), `${count} events arrive`)
      for (const [id, at] of sent) delays.record(Math.max(1, ((shop.at.get(`payment.paid ${id}`) ?? 0) - at) * 1000))
    },
    close: () => stage.jobs.drain(100),
  }
}

/** Returns the delays for each number of dead endpoints. The sides take turns of about a second, so that a busy machine affects all of them. */
async function measureDelays(context: BenchContext, dead: readonly number[]): Promise<RecordableHistogram[]> {
  const sides = await openAll(dead.map((count) => openSide(context, count)))
  for (let round = 0; round < (context.quick ? 1 : context.runs * 2); round++) {
    for (const side of sides) await side.run(context.quick ? PACE / 5 : PACE)
  }
  await Promise.all(sides.map((side) => side.close()))
  return sides.map(({ delays }) => delays)
}

/** Returns the delays of the real program, one payment at a time: from the update to paid to the first byte of its event. */
async function measureFromPaid(context: BenchContext): Promise<RecordableHistogram> {
  const env = { DATA_DIR: context.makeFolder(), PURSER_SANDBOX_KEY: SANDBOX_KEY }
  const server = await spawnServer({ args: [programPath, 'start'], env, defer: context.defer })
  const call = async (path: string, body: object): Promise<{ id: string }> => {
    const headers = { authorization: `Bearer ${SANDBOX_KEY}`, 'content-type': 'application/json' }
    const answer = await fetch(`${server.url}/api/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as { id: string }
  }
  const shop = await openShop(context)
  await call('webhook-endpoints', { url: shop.url })
  const count = context.quick ? 5 : 100
  const paid: string[] = []
  for (let n = 0; n < count; n++) {
    const { id } = await call('payments', { amount: '100.00', currency: 'KES' })
    await call(`payments/${id}/attempts`, { method: 'mpesa', phone: PAYING_PHONE })
    paid.push(id)
    await delay(200)
  }
  await until(() => paid.every((id) => shop.at.has(`payment.paid ${id}`)), `${count} payments are reported paid`)
  const { owner } = await describeDatabase(context, env.DATA_DIR)
  const db = openDb({ connection: owner, max: 1 })
  const rows = await db.many<{ id: string; at: Date }>(
    sql`select id, updated_at as at from payments.intents where status = 'paid' limit ${count}`,
  )
  await db.close()
  if (rows.length < count) throw new Error(`${rows.length} of ${count} payments are paid`)
  const delays = createDelays()
  for (const { id, at } of rows) {
    delays.record(Math.max(1, ((shop.at.get(`payment.paid ${id}`) ?? Infinity) - at.getTime()) * 1000))
  }
  return delays
}

const bench: Bench = async (context) => {
  const perSecond = await measureThroughput(context)
  context.log(`${perSecond} deliveries per second`)
  const [alone, beside, besideNine] = await measureDelays(context, [0, 1, 9])
  if (!alone || !beside || !besideNine) throw new Error('a side is missing')
  const paid = await measureFromPaid(context)
  const row = (what: string, delays: RecordableHistogram): (string | number)[] => [
    what,
    delays.count,
    ...[50, 95, 99].map((share) => ms(delays.percentile(share))),
  ]
  const p99 = (delays: RecordableHistogram): number => delays.percentile(99)
  // Below 10 ms the resolution of the clock, 1 ms, is most of the difference.
  const isUnchanged = (delays: RecordableHistogram): boolean =>
    p99(delays) <= Math.max(p99(alone) * 1.5, p99(alone) + 10_000)
  return {
    tables: [
      {
        title: 'Due deliveries to two endpoints',
        columns: ['', 'per second'],
        rows: [['deliveries', perSecond.toLocaleString('en-US')]],
      },
      {
        title: `From publication to the first byte, ${PACE} per second`,
        columns: ['', 'events', 'p50', 'p95', 'p99'],
        rows: [
          row('alone', alone),
          row('beside a dead endpoint', beside),
          row('beside nine dead endpoints', besideNine),
        ],
      },
      {
        title: 'From paid to the first byte, real program',
        columns: ['', 'payments', 'p50', 'p95', 'p99'],
        rows: [row('idle', paid)],
      },
    ],
    bounds: [
      {
        what: 'from paid to the first byte, p95',
        wanted: 'at most 250 ms',
        got: ms(paid.percentile(95)),
        met: paid.percentile(95) <= 250_000,
      },
      {
        what: 'p99 beside a dead endpoint',
        wanted: `at most 1.5 times or 10 ms above alone (${ms(p99(alone))})`,
        got: ms(p99(beside)),
        met: isUnchanged(beside),
      },
      {
        what: 'p99 beside nine dead endpoints',
        wanted: `at most 1.5 times or 10 ms above alone (${ms(p99(alone))})`,
        got: ms(p99(besideNine)),
        met: isUnchanged(besideNine),
      },
    ],
    notes: [
      'A dead endpoint accepts connections and never answers. Receivers and module run in the process of the benchmark, except for the last table.',
      'From paid: from the time in the payment row, which is before its commit, through outbox, job, event and queue.',
    ],
  }
}

export default bench
