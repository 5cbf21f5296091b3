// A small shop. It sells one product and marks an order as paid only after a signed webhook event.
//   PURSER_URL=http://127.0.0.1:3000 PURSER_KEY=sk_test_… node bin/node.js examples/shop.ts
// bin/node.js runs it with Node 24, because older versions do not run TypeScript. Your own shop needs Node 20.3 or later and
// imports 'purser-client', see packages/client/README.md.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPurser, isPaymentEvent, verifyWebhook, WebhookError } from '../packages/client/src/index.ts'

const { PURSER_URL = 'http://127.0.0.1:3000', PURSER_KEY = '', PORT = '0' } = process.env
const purser = createPurser({ url: PURSER_URL, key: PURSER_KEY })
/** Status of each order by its number. A real shop stores orders in a database. */
const orders = new Map<string, 'waiting' | 'paid'>()
let secret = ''

const server = createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    console.error(error)
    response.writeHead(error instanceof WebhookError ? 400 : 500).end()
  })
})

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, page, number = ''] = (request.url ?? '').split('/')
  if (request.method === 'POST' && page === 'buy' && /^[0-9a-f-]{36}$/.test(number)) {
    if (!orders.has(number)) orders.set(number, 'waiting')
    const wanted = { amount: '1500.00', currency: 'KES', description: 'A bag of coffee', reference: number }
    // The form contains the order number, so a double click creates only one payment.
    const { checkout_url: location } = await purser.createPayment(wanted, { idempotencyKey: number })
    response.writeHead(303, { location }).end()
  } else if (request.method === 'POST' && page === 'hook') {
    const event = await verifyWebhook(Buffer.concat(await request.toArray()), request.headers, secret)
    if (isPaymentEvent(event) && event.type === 'payment.paid') orders.set(event.data.object.reference ?? '', 'paid')
    response.writeHead(204).end()
  } else if (page === 'orders' && orders.has(number)) {
    response.end(
      `Order ${number}: ${orders.get(number) === 'paid' ? 'paid, thank you!' : 'waiting for your payment'}\n`,
    )
  } else {
    response.setHeader('content-type', 'text/html')
    const button = '<button>Buy a bag of coffee for KES 1,500</button>'
    response.end(`<form action="/buy/${crypto.randomUUID()}" method="post">${button}</form>`)
  }
}

server.listen(Number(PORT), '127.0.0.1', () => void open())

async function open(): Promise<void> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // A real shop creates its endpoint once and stores the secret. This one stores nothing, so it rotates the secret at each start.
  const mine = { url: `${url}/hook`, description: 'examples/shop.ts' }
  const old = (await purser.listWebhookEndpoints()).data.find(({ description }) => description === mine.description)
  if (old) await purser.updateWebhookEndpoint(old.id, { ...mine, enabled: true })
  const { id, secret: first } = old
    ? { ...old, secret: null }
    : await purser.createWebhookEndpoint({ ...mine, events: ['payment.*'] })
  secret = first ?? (await purser.rotateWebhookSecret(id, { overlap_hours: 0 })).secret ?? ''
  console.log(`The shop is open: ${url}`)
}
