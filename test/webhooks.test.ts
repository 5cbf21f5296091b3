import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { openReceiver, type Receiver } from './receiver.ts'
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

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

test('a payment is told from its creation to its money, signed as the specification says', async () => {
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
  assert.deepEqual(last.data.object, payment, 'the event carries what the API shows')
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
