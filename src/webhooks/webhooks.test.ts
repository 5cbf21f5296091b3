import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { LookupFunction } from 'node:net'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { createIdentity, identitySchema } from '#identity'
import { createSetClock } from '#platform/clock'
import { sql } from '#platform/db'
import { createFetch } from '#platform/fetch'
import { createIds } from '#platform/ids'
import { createJobs, type Jobs } from '#platform/jobs'
import { memoryLog } from '#platform/log'
import { createMasterKey } from '#platform/masterkey'
import { createMetrics } from '#platform/metrics'
import { platformSchema } from '#platform/schema'
import { openTestDatabase } from '../../test/database.ts'
import { openReceiver } from '../../test/receiver.ts'
import { waitFor } from '../../test/wait.ts'
import { createWebhooks, webhooksSchema, type Webhooks } from './index.ts'
import { RETRY_DELAYS_MS } from './schedule.ts'

const MERCHANT = 'mer_1'
const ACTOR = { type: 'system', id: 'test' } as const
const SECOND_MS = 1000
const HOUR_MS = 3600 * SECOND_MS
const DAY_MS = 24 * HOUR_MS

/** Every name leads to a private address. */
const lookup: LookupFunction = (_, options, callback) =>
  options.all ? callback(null, [{ address: '10.0.0.7', family: 4 }]) : callback(null, '10.0.0.7', 4)

async function openTrial() {
  const stack = new AsyncDisposableStack()
  const t = stack.use(await openTestDatabase([platformSchema, identitySchema, webhooksSchema]))
  const clock = createSetClock()
  const ids = createIds(clock)
  const log = memoryLog({ level: 'debug' })
  const metrics = createMetrics({ defaults: false })
  const masterKey = createMasterKey([{ version: 1, key: Buffer.alloc(32, 7) }])
  const identity = createIdentity({ db: t.db, mode: 'sandbox', masterKey, clock, ids, log })
  const fetch = createFetch({ log, metrics, mode: 'sandbox', allowLoopback: true, lookup })
  stack.defer(() => fetch.close())
  const make = (): { webhooks: Webhooks; jobs: Jobs } => {
    const webhooks: Webhooks = createWebhooks({
      ...{ db: t.db, identity, jobs: () => jobs, fetch, masterKey, clock, ids, log, metrics },
    })
    const { queues = [], crons = [] } = webhooks
    const jobs: Jobs = createJobs({
      ...{ db: t.db, connection: t.connection, clock, ids, log, metrics, jobs: [], queues, crons },
      instance: { version: 'test' },
    })
    stack.defer(() => jobs.drain(1000))
    return { webhooks, jobs }
  }
  const { webhooks, jobs } = make()
  let version = 0
  return {
    ...t,
    ...{ clock, log, metrics, make, webhooks, jobs },
    subscribe: async (url: string, events: readonly string[] = ['*']) => {
      const input = { merchantId: MERCHANT, livemode: false, url, events }
      const made = await t.db.transaction((tx) => webhooks.createEndpoint(tx, input, ACTOR))
      return { key: { id: made.endpoint.id, merchantId: MERCHANT }, secret: made.secret.reveal() }
    },
    publish: (objectId: string, type = 'payment.paid', at: number = ++version) =>
      t.db.transaction((tx) =>
        webhooks.publish(tx, {
          ...{ merchantId: MERCHANT, livemode: false, type, objectId, version: at },
          render: () => ({ id: objectId, n: at }),
        }),
      ),
    /** Moves the clock on at once and runs what is due then. */
    later: async (ms: number) => {
      clock.advance(ms)
      await jobs.runDue()
    },
    deliveries: async (endpointId: string) =>
      (await webhooks.listDeliveries(t.db, { endpointId, merchantId: MERCHANT, limit: 100 })).items,
    broken: async () => (await Promise.all((webhooks.invariants ?? []).map((one) => one.check(t.db)))).flat(),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

test('what is published twice is told once, and what nobody listens to is not even written', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  assert.equal(await trial.publish('pay_0'), undefined, 'nobody listens')
  await trial.subscribe(receiver.url, ['payment.paid', 'refund.*'])
  assert.match((await trial.publish('pay_1', 'payment.paid', 3)) ?? '', /^evt_/)
  assert.equal(await trial.publish('pay_1', 'payment.paid', 3), undefined, 'told before')
  assert.equal(await trial.publish('pay_1', 'payment.expired', 4), undefined, 'not listened to')
  assert.ok(await trial.publish('re_1', 'refund.succeeded', 1))
  await trial.jobs.runDue()
  assert.deepEqual(receiver.types(), ['payment.paid', 'refund.succeeded'])
  assert.deepEqual(await trial.broken(), [])
})

test('the message is what the libraries of the specification verify, with each secret in force', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  const { key, secret: first } = await trial.subscribe(receiver.url)
  const rotate = (overlapMs: number) =>
    trial.db.transaction(async (tx) =>
      (await trial.webhooks.rotateSecret(tx, key, { overlapMs }, ACTOR)).secret.reveal(),
    )
  const signed = async (objectId: string): Promise<string> => {
    await trial.publish(objectId)
    await trial.jobs.runDue()
    const { headers } = receiver.received.at(-1) ?? assert.fail('nothing arrived')
    assert.equal(Number(headers['webhook-timestamp']) * 1000, trial.clock.now().getTime())
    return String(headers['webhook-signature'])
  }
  const by = (secret: string): string => {
    const { headers, raw } = receiver.received.at(-1) ?? assert.fail('nothing arrived')
    return new Webhook(secret).sign(String(headers['webhook-id']), trial.clock.now(), raw)
  }
  assert.equal(await signed('pay_1'), by(first))
  const second = await rotate(2 * HOUR_MS)
  const third = await rotate(HOUR_MS)
  assert.equal(
    await signed('pay_2'),
    [by(third), by(second), by(first)].join(' '),
    'a lost answer to a rotation costs nothing',
  )
  await trial.later(HOUR_MS)
  assert.equal(await signed('pay_3'), by(third))
  const fourth = await rotate(0)
  assert.equal(await signed('pay_4'), by(fourth))
  const sealed = await trial.owner.many<{ sealed: string }>(sql`select sealed from webhooks.secrets limit 10`)
  assert.ok(sealed.every((row) => !row.sealed.includes('whsec')))
})

test('a try that fails is repeated for three days, later each time, then given up; what waits behind it goes on', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  const { key } = await trial.subscribe(receiver.url)
  receiver.answers((_, response) => void response.writeHead(503).end('x'.repeat(5000)))
  const paidTries = (): number => receiver.types().filter((type) => type === 'payment.paid').length
  const from = trial.clock.now().getTime()
  await trial.publish('pay_1')
  await trial.publish('pay_1', 'payment.reversed')
  await trial.jobs.runDue()
  for (const delayMs of RETRY_DELAYS_MS) {
    await trial.later(delayMs * 0.79)
    const tried = paidTries()
    await trial.later(delayMs * 0.42)
    assert.equal(paidTries(), tried + 1)
  }
  assert.ok(trial.clock.now().getTime() - from > 2.9 * DAY_MS)
  const [reversed, paid] = await trial.deliveries(key.id)
  assert.deepEqual([paid?.state, paid?.tries, paid?.lastStatus], ['failed', RETRY_DELAYS_MS.length + 1, 503])
  assert.deepEqual(receiver.types().slice(RETRY_DELAYS_MS.length), ['payment.paid', 'payment.reversed'])
  const { attempts, body } = await trial.webhooks.findDelivery(trial.db, { ...key, id: paid?.id ?? '' })
  assert.equal(attempts.length, RETRY_DELAYS_MS.length + 1)
  assert.deepEqual([attempts[0]?.status, attempts[0]?.answer?.length], [503, 4096])
  assert.match(attempts[0]?.error ?? '', /answered 503/)
  assert.deepEqual(JSON.parse(body), receiver.received[0]?.event)
  receiver.answers()
  await trial.later(HOUR_MS)
  await trial.later(SECOND_MS)
  assert.equal(receiver.types().at(-1), 'payment.reversed')
  assert.equal((await trial.deliveries(key.id)).find(({ id }) => id === reversed?.id)?.state, 'succeeded')
  assert.deepEqual(await trial.broken(), [])
})

test('a head of line holds back its own object alone, in the order of versions', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  await trial.subscribe(receiver.url)
  receiver.answers(({ event }, response) => void response.writeHead(event.data.object.id === 'pay_1' ? 500 : 200).end())
  await trial.publish('pay_1', 'payment.created', 1)
  await trial.publish('pay_1', 'payment.paid', 3)
  await trial.publish('pay_2', 'payment.created', 1)
  await trial.jobs.runDue()
  await trial.publish('pay_1', 'payment.processing', 2)
  await trial.publish('pay_2', 'payment.paid', 2)
  await trial.jobs.runDue()
  assert.deepEqual(receiver.types('pay_1'), ['payment.created'])
  assert.deepEqual(receiver.types('pay_2'), ['payment.created', 'payment.paid'])
  receiver.answers()
  await trial.later(10 * SECOND_MS)
  assert.deepEqual(receiver.types('pay_1').slice(1), ['payment.created', 'payment.processing', 'payment.paid'])
})

test('an endpoint that asks for time gets it, an hour at most', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  await trial.subscribe(receiver.url)
  receiver.answers((_, response) => void response.writeHead(429, { 'retry-after': '120' }).end())
  await trial.publish('pay_1')
  await trial.jobs.runDue()
  await trial.later(119 * SECOND_MS)
  assert.equal(receiver.received.length, 1)
  receiver.answers((_, response) => void response.writeHead(429, { 'retry-after': '99999' }).end())
  await trial.later(SECOND_MS)
  assert.equal(receiver.received.length, 2)
  receiver.answers()
  await trial.later(HOUR_MS)
  assert.equal(receiver.received.length, 3)
})

test('days without a success disable an endpoint, with an alert; one success begins them anew', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  const { key } = await trial.subscribe(receiver.url)
  const failAll = async (days: number, name: string): Promise<void> => {
    receiver.answers(500)
    for (let day = 0; day < days; day++) {
      await trial.publish(`${name}_${day}`)
      await trial.jobs.runDue()
      await trial.later(DAY_MS)
    }
  }
  const endpoint = () => trial.webhooks.findEndpoint(trial.db, key)
  await failAll(4, 'early')
  assert.ok((await endpoint()).failingSince)
  receiver.answers()
  await trial.publish('good')
  await trial.jobs.runDue()
  assert.equal((await endpoint()).failingSince, undefined)
  await failAll(4, 'late')
  assert.equal((await endpoint()).disabledWhy, undefined)
  await failAll(2, 'last')
  assert.equal((await endpoint()).disabledWhy, 'failing')
  const alert = trial.log.entries.find((entry) => entry['alert'] === 'webhook-endpoint-disabled')
  assert.ok(alert, 'the operator is told')
  assert.ok((await trial.deliveries(key.id)).every(({ state }) => state !== 'pending'))
  assert.equal(await trial.webhooks.wanted(MERCHANT, 'payment.paid'), false)
  assert.equal(await trial.publish('after'), undefined)
  receiver.answers()
  await trial.db.transaction((tx) => trial.webhooks.updateEndpoint(tx, key, { enabled: true }, ACTOR))
  assert.equal(await trial.webhooks.wanted(MERCHANT, 'payment.paid'), true, 'the cache is told at once')
  const before = receiver.received.length
  const range = { from: new Date(0), to: trial.clock.now(), state: 'failed' } as const
  const { count, nextFrom } = await trial.db.transaction((tx) => trial.webhooks.redeliverRange(tx, key, range))
  await trial.jobs.runDue()
  assert.ok(count > 0)
  assert.deepEqual([receiver.received.length - before, nextFrom], [count, undefined])
  assert.deepEqual(await trial.broken(), [])
})

test('410 disables at once, and nothing is tried again', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  const { key } = await trial.subscribe(receiver.url)
  receiver.answers(410)
  await trial.publish('pay_1')
  await trial.jobs.runDue()
  await trial.later(DAY_MS)
  assert.equal(receiver.received.length, 1)
  assert.equal((await trial.webhooks.findEndpoint(trial.db, key)).disabledWhy, 'gone')
})

test('redirects are not followed; an endless answer counts by its status; a private address is never called', async () => {
  await using elsewhere = await openReceiver()
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  const { key } = await trial.subscribe(receiver.url)
  const attemptOf = async (objectId: string, waitMs = 0) => {
    await trial.publish(objectId)
    await trial.later(waitMs)
    const delivery = (await trial.deliveries(key.id)).find((each) => each.objectId === objectId)
    const { attempts } = await trial.webhooks.findDelivery(trial.db, { ...key, id: delivery?.id ?? '' })
    return { state: delivery?.state, ...attempts[0] }
  }
  receiver.answers((_, response) => void response.writeHead(307, { location: elsewhere.url }).end())
  const redirected = await attemptOf('pay_1')
  assert.deepEqual([redirected.state, redirected.status, elsewhere.received.length], ['pending', 307, 0])
  assert.match(redirected.error ?? '', /redirects are not followed/)

  let written = 0
  const size = 10 * 1024 * 1024
  receiver.answers((_, response) => {
    response.writeHead(200, { 'content-length': size })
    const write = (): void => {
      while (written < size) {
        const part = Buffer.alloc(Math.min(64 * 1024, size - written), 'a')
        written += part.length
        if (!response.write(part)) return void response.once('drain', write)
      }
      response.end()
    }
    write()
  })
  const large = await attemptOf('pay_2')
  assert.deepEqual([large.state, large.status, large.answer?.length], ['succeeded', 200, 4096])
  assert.ok(written < size, 'the rest was not taken')

  await trial.db.transaction((tx) =>
    trial.webhooks.updateEndpoint(tx, key, { url: 'http://inside.shop.test/hook' }, ACTOR),
  )
  const inside = await attemptOf('pay_3')
  assert.deepEqual([inside.state, inside.status], ['pending', undefined])
  assert.match(inside.error ?? '', /private or local address/)
  for (const url of [
    'http://10.0.0.1/x',
    'https://[fd00::1]/',
    'http://169.254.169.254/',
    'ftp://shop.example/',
    'nonsense',
  ])
    await assert.rejects(trial.subscribe(url), { code: 'webhooks.bad-url', status: 422 }, url)
})

test('a dead endpoint takes two places and a claim one step for it, whatever waits there', async () => {
  await using healthy = await openReceiver()
  await using trial = await openTrial()
  let connections = 0
  const dead = createServer(() => connections++)
  await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve))
  const address = dead.address()
  const port = typeof address === 'object' && address ? address.port : 0
  await trial.subscribe(`http://127.0.0.1:${port}`)
  await trial.subscribe(healthy.url)
  const { jobs } = trial
  await jobs.start({ web: false, worker: true })
  for (let n = 0; n < 100; n++) await trial.publish(`pay_${n}`)
  await healthy.waitFor('all to arrive at the healthy one', (all) => all.length === 100)
  assert.ok(connections > 0 && connections <= 16, `${connections} at the dead one`)
  const waiting = await trial.webhooks.listEndpoints(trial.db, MERCHANT)
  const [deadOne] = waiting
  assert.equal((await trial.deliveries(deadOne?.id ?? '')).filter(({ tries }) => tries > 0).length, connections)
  dead.closeAllConnections()
  await new Promise((resolve) => dead.close(resolve))
  await waitFor(
    'it to be known as failing',
    async () => (await trial.webhooks.listEndpoints(trial.db, MERCHANT))[0]?.failingSince,
  )
})

test('what a killed process was sending is sent again, and what it would have recorded late changes nothing', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  const { key } = await trial.subscribe(receiver.url)
  const id = await trial.publish('pay_1')
  const [queue] = trial.webhooks.queues ?? []
  const claimed = (await queue?.claim(10, trial.clock.now())) ?? []
  assert.equal(claimed.length, 1)
  // That process is gone; another looks.
  const other = trial.make()
  await other.jobs.runDue()
  assert.equal(receiver.received.length, 0, 'the lease holds')
  trial.clock.advance(61 * SECOND_MS)
  await other.jobs.runDue()
  assert.deepEqual(
    receiver.received.map(({ headers }) => headers['webhook-id']),
    [id],
  )
  const [delivery] = await trial.deliveries(key.id)
  assert.deepEqual([delivery?.state, delivery?.tries], ['succeeded', 2])
  // It was not dead after all.
  for (const row of claimed) await queue?.handle(row, new AbortController().signal)
  assert.equal(receiver.received.length, 1, 'its lease has ended')
})

test('two instances share the work, and each delivery is sent once', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  await trial.subscribe(receiver.url)
  const other = trial.make()
  for (let n = 0; n < 60; n++) {
    await trial.publish(`pay_${n}`, 'payment.created', 1)
    await trial.publish(`pay_${n}`, 'payment.paid', 2)
  }
  await Promise.all([trial, other].map(({ jobs }) => jobs.start({ web: false, worker: true })))
  await receiver.waitFor('all', (all) => all.length >= 120)
  assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 120)
  assert.equal(receiver.received.length, 120)
  for (let n = 0; n < 60; n++) assert.deepEqual(receiver.types(`pay_${n}`), ['payment.created', 'payment.paid'])
  await waitFor('all to be recorded', async () => {
    const [endpoint] = await trial.webhooks.listEndpoints(trial.db, MERCHANT)
    return (await trial.deliveries(endpoint?.id ?? '')).every(({ state }) => state === 'succeeded')
  })
  assert.deepEqual(await trial.broken(), [])
})

test('other instances hear of a first endpoint within five seconds', async () => {
  await using trial = await openTrial()
  const other = trial.make()
  assert.equal(await other.webhooks.wanted(MERCHANT, 'payment.created'), false)
  await trial.subscribe('https://shop.example/hook')
  assert.equal(await trial.webhooks.wanted(MERCHANT, 'payment.created'), true, 'at once where it was made')
  trial.clock.advance(5 * SECOND_MS + 1)
  assert.equal(await other.webhooks.wanted(MERCHANT, 'payment.created'), true)
  assert.equal(await other.webhooks.wanted('mer_2', 'payment.created'), false)
})

test('what is finished goes after thirty days, what waits stays', async () => {
  await using receiver = await openReceiver()
  await using trial = await openTrial()
  const { key } = await trial.subscribe(receiver.url)
  await trial.publish('pay_1')
  await trial.jobs.runDue()
  await trial.later(20 * DAY_MS)
  await trial.publish('pay_2')
  await trial.jobs.runDue()
  await trial.later(10 * DAY_MS + HOUR_MS)
  assert.deepEqual(
    (await trial.deliveries(key.id)).map(({ objectId }) => objectId),
    ['pay_2'],
  )
  assert.deepEqual(await trial.broken(), [])
})
