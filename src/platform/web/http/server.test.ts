import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import pg from 'pg'
import { z } from 'zod'
import { AppError } from '../../base/errors.ts'
import { silentLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'
import { createHttp, renderOpenApi, type HttpOptions, type HttpServer } from '../http.ts'

interface ErrorAnswer {
  error: { code: string; message: string; param?: string; request_id: string; doc_url: string }
}

const moneyBody = z.strictObject({
  amount: z.string().regex(/^\d+$/, 'digits only'),
  customer: z.object({ phone: z.string() }).optional(),
})
const made = z.object({ id: z.string(), amount: z.string() }).meta({ id: 'Made' })

async function open(options: Partial<HttpOptions> = {}, routes?: (app: HttpServer) => void) {
  const metrics = createMetrics({ defaults: false })
  const app = await createHttp({
    log: silentLog,
    metrics,
    version: '1.2.3',
    publicUrl: 'http://pay.test',
    idleGraceMs: 0,
    ...options,
  })
  app.route({
    method: 'POST',
    url: '/api/v1/things',
    schema: { tags: ['Things'], summary: 'Make a thing', body: moneyBody, response: { 201: made } },
    config: { idempotent: true },
    handler: async (request, reply) => reply.code(201).send({ id: 'thg_1', amount: request.body.amount }),
  })
  routes?.(app)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const post = (body: string, type = 'application/json') =>
    fetch(`${url}/api/v1/things`, { method: 'POST', body, headers: { 'content-type': type } })
  return { app, url, metrics, post, [Symbol.asyncDispose]: () => app.close() }
}

const errorOf = async (answer: Response): Promise<ErrorAnswer['error']> => ((await answer.json()) as ErrorAnswer).error

/** Returns the response to raw bytes that no client library would send. */
const sayRaw = (url: string, text: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text))
    let heard = ''
    socket.on('data', (chunk) => (heard += chunk.toString()))
    socket.on('end', () => resolve(heard))
    socket.on('error', reject)
  })

void test('a valid request gets a response with a request id and headers against caching and framing', async () => {
  await using server = await open()
  const answer = await server.post('{"amount":"5"}')
  assert.equal(answer.status, 201)
  assert.deepEqual(await answer.json(), { id: 'thg_1', amount: '5' })
  assert.match(answer.headers.get('x-request-id') ?? '', /^req_[A-Za-z0-9]{8}\w{4}$/)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  assert.match(answer.headers.get('content-security-policy') ?? '', /default-src 'none'/)
})

void test("request ids are unique, and a caller's id is kept only when it is safe", async () => {
  await using server = await open()
  const idFor = async (given?: string) => {
    const answer = await fetch(
      `${server.url}/nothing`,
      given === undefined ? {} : { headers: { 'x-request-id': given } },
    )
    return (await errorOf(answer)).request_id
  }
  assert.notEqual(await idFor(), await idFor())
  assert.equal(await idFor('trace-12345678'), 'trace-12345678')
  for (const bad of ['short', 'has space in it', 'a'.repeat(65), '"quoted-12345"'])
    assert.notEqual(await idFor(bad), bad)
})

void test('invalid input is refused with the field and what to do', async () => {
  await using server = await open({ bodyLimit: 1000 })
  const cases: readonly [body: string, status: number, code: string, param: string | undefined, message: RegExp][] = [
    ['{"amount":"x"}', 422, 'validation-failed', 'amount', /amount: digits only/],
    ['{}', 422, 'validation-failed', 'amount', /amount is missing\. Send a string/],
    ['{"amount":5}', 422, 'validation-failed', 'amount', /expected string, received number/],
    [
      '{"amount":"5","customer":{"phone":7}}',
      422,
      'validation-failed',
      'customer.phone',
      /customer\.phone: expected string/,
    ],
    ['{"amount":"5","more":1}', 422, 'validation-failed', 'more', /more is not a known field/],
    ['[]', 422, 'validation-failed', undefined, /The body: expected object/],
    ['', 422, 'validation-failed', undefined, /The body is missing/],
    ['{"amount":', 400, 'invalid-json', undefined, /not valid JSON/],
    ['{"__proto__":{"x":1},"amount":"5"}', 400, 'invalid-json', undefined, /not valid JSON/],
    [JSON.stringify({ amount: '1'.repeat(1000) }), 413, 'body-too-large', undefined, /too large/],
  ]
  for (const [body, status, code, param, message] of cases) {
    const answer = await server.post(body)
    const error = await errorOf(answer)
    assert.deepEqual([answer.status, error.code, error.param], [status, code, param], body)
    assert.match(error.message, message)
    assert.equal(error.doc_url, `http://pay.test/docs/errors#${code}`)
    assert.equal(error.request_id, answer.headers.get('x-request-id'))
  }
})

void test('only JSON is parsed, unless a route declares another type', async () => {
  await using server = await open({}, (app) => {
    app.post(
      '/form',
      { config: { form: true }, schema: { body: z.object({ phone: z.string() }) } },
      async ({ body }) => body,
    )
    app.post('/hook', { config: { rawBody: true } }, async ({ rawBody }) => ({ hex: rawBody.toString('hex') }))
  })
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
  ])
    assert.equal((await server.post('{"amount":"5"}', type)).status, 415, type)
  assert.equal((await errorOf(await server.post('a=1', 'text/plain'))).code, 'unsupported-media-type')
  assert.equal((await server.post('{"amount":"5"}', 'application/json; charset=utf-8')).status, 201)
  const send = async (path: string, type: string, body: string | Buffer) => {
    const answer = await fetch(`${server.url}${path}`, { method: 'POST', body, headers: { 'content-type': type } })
    return answer.json()
  }
  assert.deepEqual(await send('/form', 'application/x-www-form-urlencoded', 'phone=2547%2B1'), { phone: '2547+1' })
  assert.deepEqual(await send('/form', 'application/json', '{"phone":"2"}'), { phone: '2' })
  const bytes = Buffer.from([0x7b, 0xff, 0x00, 0x0a])
  for (const type of ['application/json', 'text/xml', 'application/x-www-form-urlencoded'])
    assert.deepEqual(await send('/hook', type, bytes), { hex: '7bff000a' }, type)
  const none = await fetch(`${server.url}/hook`, { method: 'POST' })
  assert.deepEqual(await none.json(), { hex: '' })
})

void test('an unknown path is 404, a wrong method is 405 with the allowed methods', async () => {
  await using server = await open({}, (app) => {
    app.get('/things/:id', { schema: { params: z.object({ id: z.string().regex(/^thg_/) }) } }, async () => 'here')
  })
  const missing = await fetch(`${server.url}/api/v1/thinks?key=secret`)
  assert.deepEqual([missing.status, (await errorOf(missing)).code], [404, 'not-found'])
  assert.equal((await fetch(`${server.url}/things/thg_1`)).status, 200)
  const posted = await fetch(`${server.url}/nowhere`, { method: 'POST', body: 'text' })
  assert.equal(posted.status, 404)
  const malformed = await fetch(`${server.url}/things/other`)
  assert.deepEqual([malformed.status, (await errorOf(malformed)).code], [404, 'not-found'])
  const wrong = await fetch(`${server.url}/things/thg_1?x=1`, { method: 'DELETE' })
  assert.deepEqual(
    [wrong.status, (await errorOf(wrong)).code, wrong.headers.get('allow')],
    [405, 'method-not-allowed', 'GET, HEAD'],
  )
})

const databaseError = (code: string): Error =>
  Object.assign(new pg.DatabaseError('secret statement', 0, 'error'), { code })

void test('thrown errors keep code and message and hide internal details', async () => {
  const throwing: Record<string, unknown> = {
    conflict: new AppError('things.gone', 409, 'It is gone.', { param: 'id' }),
    slow: new AppError('rate-limited', 429, 'Wait.', { retryAfterSeconds: 7 }),
    who: new AppError('unauthorized', 401, 'Who are you?'),
    bug: new TypeError('secret detail'),
    broken: new AppError('internal', 500, 'secret invariant'),
    away: Object.assign(new Error('connect ECONNREFUSED /run/secret'), { code: 'ECONNREFUSED' }),
    unstorable: Object.assign(new Error('invalid byte sequence for encoding: secret'), { code: '22021' }),
    pool: new Error('timeout exceeded when trying to connect'),
    frozen: new Error('Query read timeout'),
    role: new AppError('platform.wrong-role', 500, 'secret role'),
    ...Object.fromEntries(
      ['53100', '53200', '53300', '57P03', '25006', '57014'].map((code) => [code, databaseError(code)]),
    ),
    text: 'secret text',
  }
  await using server = await open({}, (app) => {
    app.get('/throw/:what', { schema: { params: z.object({ what: z.string() }) } }, async ({ params }) => {
      throw throwing[params.what]
    })
  })
  const ask = async (what: string) => {
    const answer = await fetch(`${server.url}/throw/${what}`)
    const text = await answer.text()
    assert.doesNotMatch(text, /secret/)
    return { answer, error: (JSON.parse(text) as ErrorAnswer).error }
  }
  const conflict = await ask('conflict')
  assert.deepEqual([conflict.answer.status, conflict.error.code, conflict.error.param], [409, 'things.gone', 'id'])
  assert.deepEqual((await ask('unstorable')).error.code, 'validation-failed')
  assert.equal((await ask('slow')).answer.headers.get('retry-after'), '7')
  assert.equal((await ask('who')).answer.headers.get('www-authenticate'), 'Bearer')
  for (const what of ['bug', 'broken', 'text']) {
    const { answer, error } = await ask(what)
    assert.deepEqual([answer.status, error.code], [500, 'internal'], what)
    assert.equal(error.request_id, answer.headers.get('x-request-id'))
  }
  const disk = await ask('53100')
  assert.match(disk.error.message ?? '', /disk/)
  assert.equal((await ask('57014')).answer.status, 500)
  for (const what of ['away', 'pool', 'frozen', 'role', '53100', '53200', '53300', '57P03', '25006']) {
    const { answer, error } = await ask(what)
    assert.deepEqual([answer.status, error.code], [503, 'unavailable'], what)
    assert.ok(Number(answer.headers.get('retry-after')) > 0)
  }
})

void test('a page gets page headers, and browsers get its error page', async () => {
  await using server = await open({}, (app) => {
    app.get(
      '/page',
      {
        config: {
          page: { 'form-action': ['https://cards.example'] },
          errorPage: (error) => `<h1>${error.code}</h1>`,
        },
      },
      () => Promise.reject(new AppError('pages.missing', 404, 'No page.')),
    )
  })
  const seen = await fetch(`${server.url}/page`, { headers: { accept: 'text/html,*/*' } })
  assert.deepEqual([seen.status, await seen.text()], [404, '<h1>pages.missing</h1>'])
  assert.match(seen.headers.get('content-type') ?? '', /^text\/html/)
  const policy = seen.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none';/)
  assert.match(policy, /form-action 'self' https:\/\/cards\.example/)
  assert.equal(seen.headers.get('x-frame-options'), 'DENY')
  assert.equal(seen.headers.get('strict-transport-security'), null)
  const asked = await fetch(`${server.url}/page`, { headers: { accept: 'application/json' } })
  assert.equal((await errorOf(asked)).code, 'pages.missing')
})

void test('malformed HTTP gets one response in the error format', async () => {
  await using server = await open()
  const answers = [
    [await sayRaw(server.url, 'NONSENSE\r\n\r\n'), 400, 'bad-request'],
    [
      await sayRaw(server.url, `GET / HTTP/1.1\r\nhost: x\r\nlong: ${'a'.repeat(20_000)}\r\n\r\n`),
      431,
      'headers-too-large',
    ],
    [await sayRaw(server.url, 'GET /%zz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'), 400, 'bad-request'],
  ] as const
  for (const [text, status, code] of answers) {
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `))
    const body = JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as ErrorAnswer
    assert.equal(body.error.code, code)
  }
})

void test('a response that does not match its schema fails only with checkResponses', async () => {
  const wrong = (app: HttpServer): void => {
    // The type system refuses this value, but untyped data could contain it.
    app.get(
      '/wrong',
      { schema: { response: { 200: made } } },
      async () => JSON.parse('{"id":5}') as { id: string; amount: string },
    )
  }
  await using checking = await open({ checkResponses: true }, wrong)
  const refused = await fetch(`${checking.url}/wrong`)
  assert.deepEqual([refused.status, (await errorOf(refused)).code], [500, 'internal'])
  assert.equal((await checking.post('{"amount":"5"}')).status, 201)
  assert.equal((await checking.post('{}')).status, 422)
  await using trusting = await open({}, wrong)
  assert.equal((await fetch(`${trusting.url}/wrong`)).status, 200)
})

void test("each request is measured by its route's pattern, without its path or query", async () => {
  const lines: Record<string, unknown>[] = []
  const log = Object.assign(Object.create(silentLog) as typeof silentLog, {
    info: (line: Record<string, unknown>) => void lines.push(line),
  })
  await using server = await open({ log }, (app) => {
    app.post('/hook/:token', { config: { rawBody: true } }, async () => ({}))
  })
  await fetch(`${server.url}/hook/s3cret?key=s3cret`, { method: 'POST', body: 's3cret' })
  await fetch(`${server.url}/hook/s3cret`)
  await fetch(`${server.url}/s3cret`)
  const shown = lines.map(({ method, route, status }) => ({ method, route, status }))
  assert.deepEqual(shown, [
    { method: 'POST', route: '/hook/:token', status: 200 },
    { method: 'GET', route: '(none)', status: 405 },
    { method: 'GET', route: '(none)', status: 404 },
  ])
  const text = JSON.stringify(lines) + (await server.metrics.registry.metrics())
  assert.doesNotMatch(text, /s3cret/)
  assert.match(text, /http_request_duration_seconds_count\{route="\/hook\/:token",method="POST",status="2xx"\} 1/)
})

void test('forwarding headers are trusted only from trusted proxies', async () => {
  const show = (app: HttpServer): void => {
    app.get('/ip', async ({ ip }) => ({ ip }))
  }
  const headers = { 'x-forwarded-for': '203.0.113.7, 198.51.100.9' }
  const seen = async (trustProxy: boolean | number | string[]) => {
    await using server = await open({ trustProxy }, show)
    return ((await (await fetch(`${server.url}/ip`, { headers })).json()) as { ip: string }).ip
  }
  assert.equal(await seen(false), '127.0.0.1')
  assert.equal(await seen(1), '198.51.100.9')
  assert.equal(await seen(['loopback']), '198.51.100.9')
  assert.equal(await seen(['10.0.0.0/8']), '127.0.0.1')
})

void test('the OpenAPI document contains schemas, errors, the key and the security, and omits untagged routes', async () => {
  await using server = await open({}, (app) => void app.get('/hidden', async () => 'x'))
  const document = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
    openapi: string
    paths: Record<string, { post?: { responses: Record<string, unknown>; parameters?: { name: string }[] } }>
    components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> }
  }
  assert.match(document.openapi, /^3\.1/)
  assert.deepEqual(Object.keys(document.paths), ['/api/v1/things'])
  const { post } = document.paths['/api/v1/things'] ?? {}
  assert.match(JSON.stringify(post?.responses['201']), /#\/components\/schemas\/Made"/)
  assert.match(JSON.stringify(post?.responses['4XX']), /#\/components\/schemas\/Error"/)
  assert.deepEqual(
    post?.parameters?.map(({ name }) => name),
    ['Idempotency-Key'],
  )
  assert.deepEqual(Object.keys(document.components.schemas), ['Error', 'Made'])
  assert.ok(document.components.securitySchemes['bearer'])
  assert.equal(renderOpenApi(server.app), renderOpenApi(server.app))
})
