import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import {
  ConnectionError,
  createPurser,
  PurserError,
  verifyWebhook,
  WebhookError,
  type Payment,
  type Settings,
} from '../packages/client/src/index.ts'
import { renderClient } from '../tools/client.ts'
import { oldNode } from './oldnode.ts'
import { openWorld } from './world.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const purser = createPurser({ url: world.url, key: world.key })

const failure = async (act: Promise<unknown>): Promise<any> =>
  act.then(
    () => assert.fail('the call succeeded'),
    (error: unknown) => error,
  )

void test('operations work against the real program', async () => {
  const made = await purser.createPayment({ amount: '1500.00', currency: 'KES', reference: 'a/b c' })
  assert.deepEqual(await purser.getPayment(made.id), made)
  assert.deepEqual((await purser.listPayments({ reference: 'a/b c', limit: 1 })).data, [made])
  assert.equal((await purser.startAttempt(made.id, { method: 'mpesa', phone: '254700000001' })).payment, made.id)
  assert.equal((await purser.getBalance({ currency: 'KES' })).balances[0]?.available, '0.00')
  const endpoint = await purser.createWebhookEndpoint({ url: `${world.url}/hook` })
  assert.match((await purser.rotateWebhookSecret(endpoint.id, { overlap_hours: 1 })).secret ?? '', /^whsec_/)
  assert.equal((await purser.updateWebhookEndpoint(endpoint.id, { enabled: false })).enabled, false)
  assert.equal((await purser.deleteWebhookEndpoint(endpoint.id)).deleted, true)
  const csv = await purser.exportPaymentsCsv()
  assert.match(await csv.text(), /^id,created_at,/)
  const json = await purser.exportPaymentsJson({ from: new Date(0).toISOString(), to: new Date(1).toISOString() })
  assert.deepEqual(await json.json(), [], 'a file is returned as a stream')
})

void test('a list iterates over all its pages, only as far as requested', async () => {
  for (let i = 0; i < 5; i++) await purser.createPayment({ amount: '10', currency: 'KES', reference: 'walked' })
  const ids: string[] = []
  for await (const { id } of purser.each.listPayments({ reference: 'walked', limit: 2 })) ids.push(id)
  assert.equal(new Set(ids).size, 5)
  let asked = 0
  const counting = createPurser({ url: world.url, key: world.key, fetch: (...given) => (asked++, fetch(...given)) })
  for await (const { id } of counting.each.listPayments({ reference: 'walked', limit: 2 })) if (id === ids[1]) break
  assert.equal(asked, 1)
})

void test('an error response throws an error with code, field and request id', async () => {
  const error: PurserError = await failure(purser.createPayment({ amount: '-1', currency: 'KES' }))
  assert.ok(error instanceof PurserError)
  assert.deepEqual([error.status, error.code, error.param], [422, 'validation-failed', 'amount'])
  assert.match(error.requestId ?? '', /^req_/)
  assert.match(error.docUrl ?? '', /#validation-failed$/)
  const stranger = createPurser({ url: world.url, key: 'sk_test_0123456789abcdef0123456789abcdef' })
  assert.equal((await failure(stranger.getPayment('pay_x'))).code, 'unauthorized')
  assert.equal((await failure(purser.getPayment('../balance'))).code, 'payments.not-found')
  assert.throws(() => createPurser({ url: world.url, key: 'pk_1' }), TypeError)
})

/** Starts a server that gives one of the answers to each request, then 200. */
async function serve(...answers: ((request: IncomingMessage, response: ServerResponse) => void)[]) {
  const seen: { method: string; path: string; key: string | undefined; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      seen.push({
        method: request.method ?? '',
        path: request.url ?? '',
        key: request.headers['idempotency-key']?.toString(),
        body,
      })
      const answer = answers.shift()
      if (answer) answer(request, response)
      else response.end('{"id":"pay_1"}')
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const waits: number[] = []
  const wait = (ms: number): Promise<void> => Promise.resolve(void waits.push(ms))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return {
    seen,
    waits,
    client: (settings: Partial<Settings> = {}) => createPurser({ url, key: 'sk_test_x', wait, ...settings }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

const status =
  (code: number, headers: Record<string, string> = {}, body = '') =>
  (_: IncomingMessage, response: ServerResponse): void =>
    void response.writeHead(code, headers).end(body)
const cut = (request: IncomingMessage): void => void request.socket.destroy()
const ORDER = { amount: '1', currency: 'KES' }

void test('a failed request is retried with the same key after the server’s Retry-After', async () => {
  await using server = await serve(
    cut,
    status(500),
    status(503, { 'retry-after': '7' }),
    status(429, { 'retry-after': '2' }),
  )
  assert.equal((await server.client().createPayment(ORDER)).id, 'pay_1')
  assert.equal(server.seen.length, 5)
  assert.equal(new Set(server.seen.map(({ key, body }) => [key, body].join(' '))).size, 1)
  assert.match(server.seen[0]?.key ?? '', /^[0-9a-f-]{36}$/)
  const [first = 0, second = 0, ...asked] = server.waits
  assert.ok(first >= 250 && first <= 500 && second >= 500 && second <= 1000, server.waits.join(' '))
  assert.deepEqual(asked, [7000, 2000])
  await server.client().createPayment(ORDER)
  assert.notEqual(server.seen.at(-1)?.key, server.seen[0]?.key, 'another call creates another payment')
  await server.client().createPayment(ORDER, { idempotencyKey: 'mine' })
  assert.equal(server.seen.at(-1)?.key, 'mine')
})

void test('the client gives up after the last attempt, or when Retry-After is too long', async () => {
  await using server = await serve(status(500), status(500), status(500))
  const error = await failure(server.client({ retries: 2 }).getPayment('pay_1'))
  assert.deepEqual([error.status, error.code, server.seen.length], [500, 'http-500', 3])
  await using busy = await serve(status(429, { 'retry-after': '900' }))
  const refusal = await failure(busy.client().getPayment('pay_1'))
  assert.deepEqual([refusal.retryAfterSeconds, busy.seen.length], [900, 1])
})

void test('a request that cannot be repeated safely is not retried, and the caller gets the error', async () => {
  await using server = await serve(cut)
  const error: ConnectionError = await failure(server.client().cancelPayment('pay_1'))
  assert.ok(error instanceof ConnectionError && error.idempotencyKey === undefined)
  assert.equal(server.seen.length, 1)
  await using away = await serve(status(503, { 'retry-after': '1' }))
  assert.equal((await failure(away.client().cancelPayment('pay_1'))).status, 503)
  await using busy = await serve(status(429, { 'retry-after': '1' }))
  assert.equal((await busy.client().cancelPayment('pay_1')).id, 'pay_1')
  await using wrong = await serve(status(422, {}, '{"error":{"code":"validation-failed","message":"no"}}'))
  assert.equal((await failure(wrong.client().createPayment(ORDER))).code, 'validation-failed')
  assert.equal(wrong.seen.length, 1, 'the same request would be refused again')
})

void test('a silent server times out, and the caller can abort', async () => {
  const silent = (): void => undefined
  await using server = await serve(silent, silent)
  const error: ConnectionError = await failure(server.client({ retries: 1, timeoutMs: 50 }).createPayment(ORDER))
  assert.ok(error instanceof ConnectionError && error.message.includes('no response in time'), error.message)
  assert.equal(error.idempotencyKey, server.seen[0]?.key)
  const gone = AbortSignal.abort(new Error('gone'))
  await assert.rejects(server.client().getPayment('pay_1', { signal: gone }), /gone/)
  await using redirecting = await serve(status(302, { location: 'http://elsewhere.test/' }))
  assert.ok(
    (await failure(redirecting.client({ retries: 0 }).getPayment('pay_1'))) instanceof ConnectionError,
    'the error does not contain the key',
  )
})

const SECRET = `whsec_${randomBytes(32).toString('base64')}`
const BODY = JSON.stringify({
  id: 'evt_1',
  type: 'payment.paid',
  data: { object: { id: 'pay_1', description: 'Café' } },
})

/** Signs a message with the specification's reference library. */
function signed(body = BODY, secret = SECRET, at = new Date()): Record<string, string> {
  const signature = new Webhook(secret).sign('evt_1', at, body)
  return {
    'webhook-id': 'evt_1',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': signature,
  }
}

void test('webhooks signed by the reference library are accepted, with any header object and any valid secret', async () => {
  const event = await verifyWebhook(BODY, signed(), SECRET)
  assert.equal((event.data.object as Payment).id, 'pay_1')
  await verifyWebhook(Buffer.from(BODY), new Headers(signed()), SECRET)
  await verifyWebhook(BODY, signed(), ['whsec_AAAA', SECRET])
  const { 'webhook-signature': one = '', ...rest } = signed()
  await verifyWebhook(BODY, { ...rest, 'webhook-signature': `v1,AAAA v2,x v1a,y ${one}` }, SECRET)
})

void test('webhooks that the reference library refuses are refused', async () => {
  const now = Date.now()
  const other = `whsec_${randomBytes(32).toString('base64')}`
  const good = signed()
  const cases: [name: string, body: string, headers: Record<string, string>][] = [
    ['another body', `${BODY} `, good],
    ['another secret', BODY, signed(BODY, other)],
    ['too old', BODY, signed(BODY, SECRET, new Date(now - 400_000))],
    ['of the future', BODY, signed(BODY, SECRET, new Date(now + 400_000))],
    ['another id', BODY, { ...good, 'webhook-id': 'evt_2' }],
    ['another time', BODY, { ...good, 'webhook-timestamp': String(Math.floor(now / 1000) - 60) }],
    ['no time', BODY, { ...good, 'webhook-timestamp': 'soon' }],
    ['no signature', BODY, { 'webhook-id': 'evt_1', 'webhook-timestamp': good['webhook-timestamp'] ?? '' }],
    [
      'another version',
      BODY,
      { ...good, 'webhook-signature': (good['webhook-signature'] ?? '').replace('v1,', 'v2,') },
    ],
    [
      'a hex signature',
      BODY,
      { ...good, 'webhook-signature': `v1,${createHmac('sha256', SECRET).update(BODY).digest('hex')}` },
    ],
  ]
  for (const [name, body, headers] of cases) {
    assert.throws(() => new Webhook(SECRET).verify(body, headers), name)
    await assert.rejects(verifyWebhook(body, headers, SECRET), WebhookError, name)
  }
  await assert.rejects(verifyWebhook(BODY, good, ''), TypeError)
})

void test('the package, packed and installed as in its README, has types and works', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'purser-client-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const tsc = resolve('node_modules/.bin/tsc')
  npm('.', root, 'pack', './packages/client', '--pack-destination', root)
  const tarball = readdirSync(root).find((name) => name.endsWith('.tgz')) ?? ''
  assert.ok(readFileSync('packages/client/README.md', 'utf8').includes(`/${tarball} `), `its README names ${tarball}`)
  writeFileSync(join(root, 'package.json'), '{"private":true,"type":"module"}')
  npm(root, root, 'install', `./${tarball}`, '--offline')
  const installed = readdirSync(join(root, 'node_modules/purser-client')).toSorted()
  assert.deepEqual(installed, ['README.md', 'dist', 'package.json'])
  const use = `import { createPurser, PurserError, type Payment } from 'purser-client'
const purser = createPurser({ url: 'http://127.0.0.1:1', key: 'sk_test_x', retries: 0 })
export const make = (): Promise<Payment> => purser.createPayment({ amount: '1', currency: 'KES' })
// @ts-expect-error: an amount is text
export const wrong = (): Promise<Payment> => purser.createPayment({ amount: 1, currency: 'KES' })
if (!(Object.create(PurserError.prototype) instanceof Error)) throw new Error('no error')
await make().catch((error: unknown) => console.log((error as Error).name))
`
  writeFileSync(join(root, 'use.ts'), use)
  const options = [
    '--strict',
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--lib',
    'es2023,dom',
    '--types',
    '',
    'use.ts',
  ]
  execFileSync(tsc, options, { cwd: root, stdio: 'pipe' })
  for (const node of [process.execPath, ...(oldNode === undefined ? [] : [oldNode])])
    assert.equal(execFileSync(node, ['use.js'], { cwd: root, encoding: 'utf8' }).trim(), 'ConnectionError')
})

/** Runs npm with a separate cache, without the settings of the npm that runs the tests. Throws with its output. */
function npm(cwd: string, root: string, ...args: string[]): void {
  const outside = Object.entries(process.env).filter(([name]) => !name.toLowerCase().startsWith('npm_'))
  const env = { ...Object.fromEntries(outside), npm_config_cache: join(root, '.npm-cache') }
  execFileSync('npm', args, { cwd, env, encoding: 'utf8', stdio: 'pipe' })
}

void test('the generator skips operations without a key and supports every schema form', () => {
  const item = {
    type: 'object',
    properties: { id: { type: 'string' }, n: { type: ['integer', 'null'] } },
    required: ['id'],
  } as const
  const operation = {
    operationId: 'listThings',
    security: [{ bearer: [] }],
    tags: ['Things'],
    parameters: [
      { name: 'id', in: 'path', required: true, schema: { type: 'string' } },
      { name: 'cursor', in: 'query', schema: { type: 'string' } },
    ],
    responses: { 200: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Things' } } } } },
  } as const
  const text = renderClient({
    paths: {
      '/things/{id}': { get: operation },
      '/open': { get: { ...operation, operationId: 'open', security: [] } },
    },
    components: {
      schemas: { Things: { type: 'object', properties: { data: { type: 'array', items: item } } }, Unused: item },
    },
  })
  assert.match(
    text,
    /listThings: \{ method: 'GET', path: '\/things\/\{id\}', params: \['id'\], takes: 'query', keyed: false/,
  )
  assert.match(
    text,
    /listThings\(id: string, query\?: \{readonly cursor\?: string \| undefined\n\}, options\?: CallOptions\): Promise<Things>/,
  )
  assert.match(text, /readonly n\?: number \| null \| undefined/)
  assert.match(text, /interface Iterators \{listThings\(id: string, options\?: CallOptions\): AsyncIterable/)
  assert.doesNotMatch(text, /Unused|\bopen[:(]/)
})
