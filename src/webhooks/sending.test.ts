import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { identitySchema } from '#identity'
import { sql } from '#platform/database/db'
import { platformSchema } from '#platform/database/schema'
import { openTestDatabase } from '../../test/database.ts'
import { openReceiver } from '../../test/receiver.ts'
import { waitFor } from '../../test/wait.ts'
import { ACTOR, DAY_MS, HOUR_MS, MERCHANT, openTestWebhooks, SECOND_MS } from './fixture.ts'
import { RETRY_DELAYS_MS } from './schedule.ts'
import { webhooksSchema } from './schema.ts'

const SCHEMAS = [platformSchema, identitySchema, webhooksSchema]

test('a failed attempt is retried for three days with growing delays, then fails; deliveries behind it continue', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  const { key } = await trial.subscribe(receiver.url)
  receiver.answers((_, response) => void response.writeHead(503).end('x'.repeat(5000)))
  const paidTries = (): number => receiver.types().filter((type) => type === 'payment.paid').length
  const from = trial.clock.now().getTime()
  await trial.publish('pay_1')
  await trial.publish('pay_1', 'payment.reversed')
  await trial.jobs.runDue()
  for (const delayMs of RETRY_DELAYS_MS) {
    await trial.advance(delayMs * 0.79)
    const tried = paidTries()
    await trial.advance(delayMs * 0.42)
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
  await trial.advance(HOUR_MS)
  await trial.advance(SECOND_MS)
  assert.equal(receiver.types().at(-1), 'payment.reversed')
  assert.equal((await trial.deliveries(key.id)).find(({ id }) => id === reversed?.id)?.state, 'succeeded')
  assert.deepEqual(await trial.violations(), [])
})

test('a failing delivery blocks only its own object, whose events arrive in version order', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  const { key } = await trial.subscribe(receiver.url)
  receiver.answers(({ raw }, response) => void response.writeHead(raw.includes('"pay_1"') ? 500 : 200).end())
  await trial.publish('pay_1', 'payment.created', 1)
  await trial.publish('pay_1', 'payment.paid', 3)
  await trial.publish('pay_2', 'payment.created', 1)
  await trial.jobs.runDue()
  await trial.publish('pay_1', 'payment.processing', 2)
  await trial.publish('pay_2', 'payment.paid', 2)
  await trial.jobs.runDue()
  assert.deepEqual(receiver.types('pay_1'), ['payment.created'])
  assert.deepEqual(receiver.types('pay_2'), ['payment.created', 'payment.paid'])
  await trial.advance(HOUR_MS)
  const waiting = (await trial.deliveries(key.id)).filter(({ state }) => state === 'pending')
  assert.equal(
    new Set(waiting.map(({ nextTryAt }) => nextTryAt?.getTime())).size,
    1,
    'deliveries of one object wait for the same time',
  )
  receiver.answers()
  const head = waiting.find(({ type }) => type === 'payment.created') ?? assert.fail('the first delivery waits')
  await trial.db.transaction((tx) => trial.webhooks.redeliver(tx, { id: head.id, merchantId: MERCHANT }))
  await trial.jobs.runDue()
  assert.deepEqual(receiver.types('pay_1').slice(2), ['payment.created', 'payment.processing', 'payment.paid'])
})

test('Retry-After is obeyed up to one hour', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  await trial.subscribe(receiver.url)
  receiver.answers((_, response) => void response.writeHead(429, { 'retry-after': '120' }).end())
  await trial.publish('pay_1')
  await trial.jobs.runDue()
  await trial.advance(119 * SECOND_MS)
  assert.equal(receiver.received.length, 1)
  receiver.answers((_, response) => void response.writeHead(429, { 'retry-after': '99999' }).end())
  await trial.advance(SECOND_MS)
  assert.equal(receiver.received.length, 2)
  receiver.answers()
  await trial.advance(HOUR_MS)
  assert.equal(receiver.received.length, 3)
})

test('redirects are not followed, an endless response counts by its status, private addresses are refused', async () => {
  await using elsewhere = await openReceiver()
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  const { key } = await trial.subscribe(receiver.url)
  const attemptOf = async (objectId: string, waitMs = 0) => {
    await trial.publish(objectId)
    await trial.advance(waitMs)
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
  assert.ok(written < size, 'the rest was not read')

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

test('a dead endpoint gets two places, and a claim takes one step for it however much waits', async () => {
  await using healthy = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
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
  await healthy.waitFor('all deliveries to arrive at the healthy endpoint', (all) => all.length === 100)
  assert.ok(connections > 0 && connections <= 16, `${connections} at the dead endpoint`)
  const waiting = await trial.webhooks.listEndpoints(trial.db, MERCHANT)
  const [deadOne] = waiting
  assert.equal((await trial.deliveries(deadOne?.id ?? '')).filter(({ tries }) => tries > 0).length, connections)
  dead.closeAllConnections()
  await new Promise((resolve) => dead.close(resolve))
  await waitFor(
    'the endpoint to be marked as failing',
    async () => (await trial.webhooks.listEndpoints(trial.db, MERCHANT))[0]?.failingSince,
  )
})

test('a slow endpoint gets two places and takes none from an endpoint that waits for its first', async () => {
  await using slow = await openReceiver()
  await using healthy = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  const { key } = await trial.subscribe(slow.url)
  for (let n = 0; n < 40; n++) await trial.publish(`pay_${n}`)
  await trial.subscribe(healthy.url)
  for (let n = 40; n < 50; n++) await trial.publish(`pay_${n}`)
  const [queue] = trial.webhooks.queues ?? []
  assert.ok(queue)
  const turn = async (limit: number): Promise<number> => {
    const claimed = await queue.claim(limit, trial.clock.now(), trial.jobs.instanceId)
    await Promise.all(claimed.map((row) => queue.handle(row, new AbortController().signal)))
    return claimed.filter((row) => (row as { endpointId: string }).endpointId === key.id).length
  }
  slow.answers((_, response) => void setTimeout(() => response.end(), 2100))
  assert.equal(await turn(16), 8, 'endpoints take turns, although all older deliveries are for the slow endpoint')
  slow.answers()
  assert.equal(await turn(100), 2, 'like a failing endpoint')
  assert.equal(await turn(100), 16, 'full concurrency after a fast response')
  assert.equal(healthy.received.length, 10)
  assert.deepEqual(await trial.violations(), [])
})

test('the deliveries of a killed process are sent again, and its late results change nothing', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  const { key } = await trial.subscribe(receiver.url)
  const id = await trial.publish('pay_1')
  const [queue] = trial.webhooks.queues ?? []
  await t.db.run(sql`insert into platform.instances (id, roles, host, pid, version, pools, started_at, beat_at)
    values ('first', '{}', '', 1, '', '{}', clock_timestamp(), clock_timestamp())`)
  const claimed = ((await queue?.claim(10, trial.clock.now(), 'first')) ?? []) as { claimedMs: number }[]
  assert.equal(claimed.length, 1)
  // The first process is silent; another polls.
  const other = trial.createInstance()
  await other.jobs.runDue()
  assert.equal(receiver.received.length, 0, 'the claim is still valid')
  await t.db.run(sql`delete from platform.instances where id = 'first'`)
  await other.jobs.runDue()
  assert.deepEqual(
    receiver.received.map(({ headers }) => headers['webhook-id']),
    [id],
  )
  const [delivery] = await trial.deliveries(key.id)
  assert.deepEqual([delivery?.state, delivery?.tries], ['succeeded', 2])
  // The first process was frozen.
  for (const row of claimed)
    await queue?.handle({ ...row, claimedMs: row.claimedMs - 60_000 }, new AbortController().signal)
  assert.equal(receiver.received.length, 1, 'its claim is lost')
})

test('two instances share the queue and send each delivery once', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  await trial.subscribe(receiver.url)
  const other = trial.createInstance()
  for (let n = 0; n < 60; n++) {
    await trial.publish(`pay_${n}`, 'payment.created', 1)
    await trial.publish(`pay_${n}`, 'payment.paid', 2)
  }
  await Promise.all([trial, other].map(({ jobs }) => jobs.start({ web: false, worker: true })))
  await receiver.waitFor('all', (all) => all.length >= 120)
  assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 120)
  assert.equal(receiver.received.length, 120)
  for (let n = 0; n < 60; n++) assert.deepEqual(receiver.types(`pay_${n}`), ['payment.created', 'payment.paid'])
  await waitFor('all deliveries to be recorded', async () => {
    const [endpoint] = await trial.webhooks.listEndpoints(trial.db, MERCHANT)
    return (await trial.deliveries(endpoint?.id ?? '')).every(({ state }) => state === 'succeeded')
  })
  assert.deepEqual(await trial.violations(), [])
})
