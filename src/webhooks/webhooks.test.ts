import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { identitySchema } from '#identity'
import { sql } from '#platform/database/db'
import { platformSchema } from '#platform/database/schema'
import { openTestDatabase } from '../../test/database.ts'
import { openReceiver } from '../../test/receiver.ts'
import { ACTOR, DAY_MS, HOUR_MS, MERCHANT, openTestWebhooks, SECOND_MS } from './fixture.ts'
import { webhooksSchema } from './schema.ts'

const SCHEMAS = [platformSchema, identitySchema, webhooksSchema]

test('a repeated publish creates one event, and an event without subscribers is not written', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  assert.equal(await trial.publish('pay_0'), undefined, 'no endpoint subscribes')
  await trial.subscribe(receiver.url, ['payment.paid', 'refund.*'])
  assert.match((await trial.publish('pay_1', 'payment.paid', 3)) ?? '', /^evt_/)
  assert.equal(await trial.publish('pay_1', 'payment.paid', 3), undefined, 'published before')
  assert.equal(await trial.publish('pay_1', 'payment.expired', 4), undefined, 'no endpoint subscribes to it')
  assert.ok(await trial.publish('re_1', 'refund.succeeded', 1))
  await trial.jobs.runDue()
  assert.deepEqual(receiver.types(), ['payment.paid', 'refund.succeeded'])
  assert.deepEqual(await trial.violations(), [])
})

test('the Standard Webhooks library verifies messages with each valid secret', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
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
    'a lost response to a rotation does no harm',
  )
  await trial.advance(HOUR_MS)
  assert.equal(await signed('pay_3'), by(third))
  const fourth = await rotate(0)
  assert.equal(await signed('pay_4'), by(fourth))
  const sealed = await t.owner.many<{ sealed: string }>(sql`select sealed from webhooks.secrets limit 10`)
  assert.ok(sealed.every((row) => !row.sealed.includes('whsec')))
})

test('five days without a success disable an endpoint with an alert; a success restarts the count', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  const { key } = await trial.subscribe(receiver.url)
  const failAll = async (days: number, name: string): Promise<void> => {
    receiver.answers(500)
    for (let day = 0; day < days; day++) {
      await trial.publish(`${name}_${day}`)
      await trial.jobs.runDue()
      await trial.advance(DAY_MS)
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
  assert.ok(alert, 'the operator gets an alert')
  assert.ok((await trial.deliveries(key.id)).every(({ state }) => state !== 'pending'))
  assert.equal(await trial.webhooks.hasSubscriber(MERCHANT, 'payment.paid'), false)
  assert.equal(await trial.publish('after'), undefined)
  receiver.answers()
  await trial.db.transaction((tx) => trial.webhooks.updateEndpoint(tx, key, { enabled: true }, ACTOR))
  assert.equal(await trial.webhooks.hasSubscriber(MERCHANT, 'payment.paid'), true, 'the cache is updated at once')
  const before = receiver.received.length
  const range = { from: new Date(0), to: trial.clock.now(), state: 'failed' } as const
  const { count, nextFrom } = await trial.db.transaction((tx) => trial.webhooks.redeliverRange(tx, key, range))
  await trial.jobs.runDue()
  assert.ok(count > 0)
  assert.deepEqual([receiver.received.length - before, nextFrom], [count, undefined])
  assert.deepEqual(await trial.violations(), [])
})

test('a 410 response disables the endpoint at once, without retries', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  const { key } = await trial.subscribe(receiver.url)
  receiver.answers(410)
  await trial.publish('pay_1')
  await trial.jobs.runDue()
  await trial.advance(DAY_MS)
  assert.equal(receiver.received.length, 1)
  assert.equal((await trial.webhooks.findEndpoint(trial.db, key)).disabledWhy, 'gone')
})

test('other instances notice a first endpoint within five seconds', async () => {
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  const other = trial.createInstance()
  assert.equal(await other.webhooks.hasSubscriber(MERCHANT, 'payment.created'), false)
  await trial.subscribe('https://shop.example/hook')
  assert.equal(
    await trial.webhooks.hasSubscriber(MERCHANT, 'payment.created'),
    true,
    'at once on the instance that created it',
  )
  trial.clock.advance(5 * SECOND_MS + 1)
  assert.equal(await other.webhooks.hasSubscriber(MERCHANT, 'payment.created'), true)
  assert.equal(await other.webhooks.hasSubscriber('mer_2', 'payment.created'), false)
})

test('finished deliveries are deleted after thirty days, pending ones are kept', async () => {
  await using receiver = await openReceiver()
  await using t = await openTestDatabase(SCHEMAS)
  await using trial = openTestWebhooks(t)
  const { key } = await trial.subscribe(receiver.url)
  await trial.publish('pay_1')
  await trial.jobs.runDue()
  await trial.advance(20 * DAY_MS)
  await trial.publish('pay_2')
  await trial.jobs.runDue()
  await trial.advance(10 * DAY_MS + HOUR_MS)
  assert.deepEqual(
    (await trial.deliveries(key.id)).map(({ objectId }) => objectId),
    ['pay_2'],
  )
  assert.deepEqual(await trial.violations(), [])
})
