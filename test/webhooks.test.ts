import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { sql } from '#platform/database/db'
import { createFolder, notLinux, startPurser } from './process.ts'
import { openReceiver } from './receiver.ts'
import { waitFor } from './wait.ts'
import { openWorld, type World } from './world.ts'

const PAYS = '254700000001'

async function subscribe(world: World, url: string, body: object = {}) {
  const { status, body: endpoint } = await world.api('POST', '/api/v1/webhook-endpoints', { url, ...body })
  assert.equal(status, 201, JSON.stringify(endpoint))
  return endpoint as { id: string; secret: string; url: string; events: string[]; enabled: boolean }
}

async function createPayment(world: World, body: object = {}): Promise<string> {
  const { status, body: payment } = await world.api('POST', '/api/v1/payments', {
    amount: '100.00',
    currency: 'KES',
    ...body,
  })
  assert.equal(status, 201, JSON.stringify(payment))
  return payment.id
}

async function pay(world: World, id: string, phone = PAYS): Promise<void> {
  const { status, body } = await world.api('POST', `/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone })
  assert.equal(status, 201, JSON.stringify(body))
}

test('a payment sends signed events from creation to payment', async () => {
  await using receiver = await openReceiver()
  await using world = await openWorld({ clock: 'system' })
  const { secret, id: endpointId } = await subscribe(world, `${receiver.url}/hooks?shop=1`)
  const id = await createPayment(world, { reference: 'order-1', metadata: { order: '1' } })
  await receiver.waitFor('the creation', (all) => all.length === 1)
  await pay(world, id)
  await receiver.waitFor('the payment', () => receiver.types(id).includes('payment.paid'))
  assert.deepEqual(receiver.types(id), ['payment.created', 'payment.processing', 'payment.paid'])
  for (const { raw, headers, path } of receiver.received) {
    const event: any = new Webhook(secret).verify(raw, headers as Record<string, string>)
    assert.equal(headers['webhook-id'], event.id)
    assert.equal(path, '/hooks?shop=1')
  }
  const { body: payment } = await world.api('GET', `/api/v1/payments/${id}`)
  const last = receiver.received.at(-1)?.event
  assert.deepEqual(last.data.object, payment, 'the event contains the object of the API')
  assert.equal(last.version, payment.version)
  assert.equal(last.livemode, false)
  assert.match(last.id, /^evt_/)
  const versions = receiver.received.map(({ event }) => event.version)
  assert.deepEqual(
    versions,
    versions.toSorted((a, b) => a - b),
  )
  await waitFor('the last delivery to be recorded', async () => {
    const { body: page } = await world.api('GET', `/api/v1/webhook-endpoints/${endpointId}/deliveries?status=succeeded`)
    return page.data.length === 3
  })
  assert.deepEqual(await world.broken(), [])
})

test('each change of a payment has its event, and merchants get only their own events', async () => {
  await using receiver = await openReceiver()
  await using world = await openWorld()
  await subscribe(world, receiver.url)
  const paid = await createPayment(world)
  const expired = await createPayment(world, { expires_in: 2 })
  const canceled = await createPayment(world)
  await world.api('POST', `/api/v1/payments/${canceled}/cancel`)
  await pay(world, paid)
  await world.advance(5000)
  assert.deepEqual(receiver.types(paid), ['payment.created', 'payment.processing', 'payment.paid'])
  assert.deepEqual(receiver.types(expired), ['payment.created', 'payment.expired'])
  assert.deepEqual(receiver.types(canceled), ['payment.created', 'payment.canceled'])

  const stranger = await world.app.db.transaction(async (tx) => {
    const actor = { type: 'system', id: 'test' } as const
    const merchant = await world.app.identity.createMerchant(tx, { name: 'Other' }, actor)
    return world.app.identity.createKey(tx, { merchantId: merchant.id, name: 'other' }, actor)
  })
  const authorization = `Bearer ${stranger.secret}`
  const before = receiver.received.length
  await world.api('POST', '/api/v1/payments', { amount: '5.00', currency: 'KES' }, { authorization })
  await world.advance(2000)
  assert.equal(receiver.received.length, before)
  const { body: mine } = await world.api('GET', '/api/v1/webhook-endpoints')
  assert.equal(mine.data.length, 1)
  const [{ id }] = mine.data
  for (const [method, path] of [
    ['GET', `/api/v1/webhook-endpoints/${id}`],
    ['PATCH', `/api/v1/webhook-endpoints/${id}`],
    ['DELETE', `/api/v1/webhook-endpoints/${id}`],
    ['POST', `/api/v1/webhook-endpoints/${id}/test`],
    ['POST', `/api/v1/webhook-endpoints/${id}/rotate-secret`],
    ['GET', `/api/v1/webhook-endpoints/${id}/deliveries`],
  ] as const) {
    const answer = await world.api(method, path, method === 'PATCH' ? { enabled: false } : undefined, { authorization })
    assert.deepEqual([answer.status, answer.body.error.code], [404, 'webhooks.no-such-endpoint'], `${method} ${path}`)
  }
  assert.deepEqual(await world.broken(), [])
})

test('creating a payment without subscribers writes no event', async () => {
  await using world = await openWorld()
  const outbox = async (): Promise<number> =>
    (
      await world.database.owner.many(
        sql`select 1 as there from platform.outbox where job = 'gateway.payment-changed' limit 10`,
      )
    ).length
  await createPayment(world)
  assert.equal(await outbox(), 0)
  await subscribe(world, 'https://shop.example/hook', { events: ['payment.paid'] })
  await createPayment(world)
  assert.equal(await outbox(), 0, 'no event for the creation')
  await subscribe(world, 'https://shop.example/all')
  await createPayment(world)
  assert.equal(await outbox(), 1)
})

test('endpoints are created, changed, tested, rotated and deleted by the API', async () => {
  await using receiver = await openReceiver()
  await using world = await openWorld()
  const headers = { 'idempotency-key': 'make-1' }
  const body = { url: receiver.url, events: ['payment.paid', 'payment.paid'], description: 'main' }
  const made = await world.api('POST', '/api/v1/webhook-endpoints', body, headers)
  assert.equal(made.status, 201)
  assert.match(made.body.secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  assert.deepEqual([made.body.events, made.body.enabled, made.body.description], [['payment.paid'], true, 'main'])
  const again = await world.api('POST', '/api/v1/webhook-endpoints', body, headers)
  assert.deepEqual([again.status, again.body.id, again.body.secret], [201, made.body.id, null], 'shown once')
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  const path = `/api/v1/webhook-endpoints/${made.body.id}`
  const { secret, ...shown } = made.body
  assert.deepEqual((await world.api('GET', path)).body, shown)

  const tried = await world.api('POST', `${path}/test`)
  assert.deepEqual([tried.status, tried.body.status, tried.body.type], [202, 'pending', 'webhook.test'])
  await world.advance(0)
  assert.deepEqual(receiver.types(), ['webhook.test'])
  const { body: detail } = await world.api('GET', `/api/v1/deliveries/${tried.body.id}`)
  assert.deepEqual([detail.status, detail.attempt_count, detail.last_status], ['succeeded', 1, 200])
  assert.deepEqual([detail.attempts[0].answer, detail.attempts[0].error], ['thank you', null])
  assert.equal(detail.body, receiver.received[0]?.raw)

  const redelivered = await world.api('POST', `/api/v1/deliveries/${tried.body.id}/redeliver`)
  assert.deepEqual([redelivered.status, redelivered.body.status], [202, 'pending'])
  await world.advance(0)
  const [first, second] = receiver.received
  assert.deepEqual([second?.raw, second?.headers['webhook-id']], [first?.raw, first?.headers['webhook-id']])
  const range = { from: '2026-01-01T00:00:00Z', to: '2027-01-01T00:00:00Z', status: 'succeeded' }
  const ranged = await world.api('POST', `${path}/redeliver`, range)
  assert.deepEqual([ranged.status, ranged.body], [202, { object: 'redelivery', count: 1, next_from: null }])
  await world.advance(0)
  assert.equal(receiver.received.length, 3)

  const rotated = await world.api('POST', `${path}/rotate-secret`, { overlap_hours: 1 })
  assert.equal(rotated.status, 200)
  assert.notEqual(rotated.body.secret, secret)
  await world.api('POST', `${path}/test`)
  await world.advance(0)
  const { headers: sent, raw } = receiver.received[3] ?? assert.fail('the test event')
  const expected = [rotated.body.secret, secret].map((each) =>
    new Webhook(each).sign(String(sent['webhook-id']), world.clock.now(), raw),
  )
  assert.equal(sent['webhook-signature'], expected.join(' '))

  const off = await world.api('PATCH', path, { enabled: false })
  assert.deepEqual([off.body.enabled, off.body.disabled_reason], [false, 'requested'])
  assert.equal((await world.api('POST', `${path}/test`)).body.error.code, 'webhooks.endpoint-disabled')
  const on = await world.api('PATCH', path, { enabled: true, events: ['payment.*'] })
  assert.deepEqual([on.body.enabled, on.body.events], [true, ['payment.*']])
  assert.deepEqual((await world.api('DELETE', path)).body, {
    id: made.body.id,
    object: 'webhook_endpoint',
    deleted: true,
  })
  assert.equal((await world.api('GET', path)).status, 404)
  assert.deepEqual(await world.broken(), [])
})

test('deliveries are listed in pages, newest first', async () => {
  await using receiver = await openReceiver()
  await using world = await openWorld()
  const { id } = await subscribe(world, receiver.url)
  for (let n = 0; n < 5; n++) {
    await world.api('POST', `/api/v1/webhook-endpoints/${id}/test`)
    await world.advance(1000)
  }
  const path = `/api/v1/webhook-endpoints/${id}/deliveries`
  const all: any[] = []
  for (let cursor = ''; ;) {
    const { body: page } = await world.api('GET', `${path}?limit=2&status=succeeded${cursor}`)
    assert.ok(page.data.length <= 2)
    all.push(...page.data)
    if (page.next_cursor === null) break
    cursor = `&cursor=${page.next_cursor}`
  }
  assert.equal(new Set(all.map((each) => each.id)).size, 5)
  const times = all.map((each) => Date.parse(each.created_at))
  assert.deepEqual(
    times,
    times.toSorted((a, b) => b - a),
  )
  assert.equal((await world.api('GET', `${path}?status=failed`)).body.data.length, 0)
  assert.equal((await world.api('GET', `${path}?cursor=nonsense`)).status, 422)
})

test('invalid endpoints are refused with the field and advice', async () => {
  await using world = await openWorld()
  const path = '/api/v1/webhook-endpoints'
  const refused = async (body: object, status: number, code: string, param?: string): Promise<void> => {
    const answer = await world.api('POST', path, body)
    assert.deepEqual(
      [answer.status, answer.body.error.code, answer.body.error.param],
      [status, code, param],
      JSON.stringify(body),
    )
  }
  for (const url of [
    'http://10.0.0.1/x',
    'http://169.254.169.254/latest',
    'http://[fd00::1]/',
    'ftp://shop.example',
    'shop',
    'http://u:p@127.0.0.1/',
  ])
    await refused({ url }, 422, 'webhooks.bad-url', 'url')
  await refused({ url: 'https://shop.example/', events: [] }, 422, 'validation-failed', 'events')
  await refused({ url: 'https://shop.example/', events: ['payment.eaten'] }, 422, 'validation-failed', 'events.0')
  await refused({}, 422, 'validation-failed', 'url')
  for (let n = 0; n < 10; n++) await subscribe(world, `https://shop.example/${n}`)
  await refused({ url: 'https://shop.example/11' }, 409, 'webhooks.too-many-endpoints')
  const { id } = (await world.api('GET', path)).body.data[0]
  for (let n = 0; n < 4; n++) assert.equal((await world.api('POST', `${path}/${id}/rotate-secret`)).status, 200)
  assert.equal((await world.api('POST', `${path}/${id}/rotate-secret`)).body.error.code, 'webhooks.too-many-secrets')

  const reader = await world.app.db.transaction((tx) =>
    world.app.identity.createKey(
      tx,
      { merchantId: world.merchantId, name: 'reader', scopes: ['webhooks:read'] },
      { type: 'system', id: 'test' },
    ),
  )
  const authorization = `Bearer ${reader.secret}`
  assert.equal((await world.api('GET', path, undefined, { authorization })).status, 200)
  const write = await world.api('POST', path, { url: 'https://shop.example/' }, { authorization })
  assert.deepEqual([write.status, write.body.error.code], [403, 'forbidden'])
})

test('an endpoint that never answers does not affect another', async () => {
  await using slow = await openReceiver()
  await using healthy = await openReceiver()
  await using world = await openWorld({ clock: 'system' })
  slow.answers(() => undefined)
  await subscribe(world, slow.url)
  await subscribe(world, healthy.url)
  const ids = await Promise.all(Array.from({ length: 60 }, () => createPayment(world)))
  await healthy.waitFor('all events at the healthy endpoint', (all) => all.length === ids.length)
  assert.deepEqual(new Set(healthy.received.map(({ event }) => event.data.object.id)), new Set(ids))
  assert.ok(slow.received.length <= 16, `${slow.received.length} at the slow endpoint, which is still busy`)
  slow.cut()
})

test(
  'a delivery killed between sending and recording is sent again after the next start',
  { skip: notLinux },
  async (t) => {
    await using receiver = await openReceiver()
    const dataDir = join(createFolder(t), 'data')
    const first = await startPurser({ dataDir })
    const call = async (url: string, path: string, key: string, body: object): Promise<any> => {
      const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
      const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
      assert.ok(answer.ok, await answer.clone().text())
      return answer.json()
    }
    const { secret } = await call(first.url, '/api/v1/webhook-endpoints', first.key, { url: receiver.url })
    receiver.answers(() => first.kill('SIGKILL'))
    await call(first.url, '/api/v1/payments', first.key, { amount: '5.00', currency: 'KES' }).catch(() => undefined)
    await receiver.waitFor('the first delivery', (all) => all.length === 1)
    await first.exited
    receiver.answers()
    const second = await startPurser({ dataDir })
    await receiver.waitFor('the second delivery', (all) => all.length === 2)
    const [before, after] = receiver.received
    assert.equal(after?.headers['webhook-id'], before?.headers['webhook-id'])
    assert.equal(after?.raw, before?.raw)
    new Webhook(secret).verify(after?.raw ?? '', after?.headers as Record<string, string>)
    second.kill('SIGTERM')
    assert.deepEqual(await second.exited, { code: 0, signal: null })
  },
)
