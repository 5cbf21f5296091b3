// A shop in fifty lines: sells one thing, and believes only what is signed.
//   PURSER_URL=http://127.0.0.1:3000 PURSER_KEY=sk_test_… node examples/shop.ts
// In a project of your own: import { … } from 'purser-client'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPurser, isPaymentEvent, verifyWebhook, WebhookError } from '../packages/client/src/index.ts'

const { PURSER_URL = 'http://127.0.0.1:3000', PURSER_KEY = '', PORT = '0' } = process.env
const purser = createPurser({ url: PURSER_URL, key: PURSER_KEY })
/** Order numbers and how they stand. A real shop keeps them in a database. */
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
  if (request.method === 'POST' && page === 'buy') {
    const reference = `order-${orders.size + 1}`
    orders.set(reference, 'waiting')
    // The order's own key: bought twice by mistake, it is still one payment.
    const idempotencyKey = `${secret.slice(-8)}-${reference}`
    const wanted = { amount: '1500.00', currency: 'KES', description: 'A bag of coffee', reference }
    const { checkout_url: location } = await purser.createPayment(wanted, { idempotencyKey })
    response.writeHead(303, { location, 'x-order': reference }).end()
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
    response.end('<form action="/buy" method="post"><button>Buy a bag of coffee for KES 1,500</button></form>')
  }
}

server.listen(Number(PORT), '127.0.0.1', () => void open())

async function open(): Promise<void> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  // A real shop makes its endpoint once and keeps the secret.
  secret = (await purser.createWebhookEndpoint({ url: `${url}/hook`, events: ['payment.*'] })).secret ?? ''
  console.log(`The shop is open: ${url}`)
}
