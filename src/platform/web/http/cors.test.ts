import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'
import { createHttp } from '../http.ts'

const SHOP = 'https://shop.example'

async function open(corsOrigins?: readonly string[]) {
  const options = { log: silentLog, metrics: createMetrics({ defaults: false }), version: '1', idleGraceMs: 0 }
  const app = await createHttp({ ...options, publicUrl: 'http://pay.test', ...(corsOrigins && { corsOrigins }) })
  app.get('/api/v1/things', async () => ({ things: [] }))
  app.get('/pay/one', async () => 'a page')
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const preflight = (path: string, origin: string) =>
    fetch(url + path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization' },
    })
  const get = (path: string, origin: string) => fetch(url + path, { headers: { origin } })
  return { preflight, get, [Symbol.asyncDispose]: () => app.close() }
}

const allowOrigin = ({ headers }: Response): string | null => headers.get('access-control-allow-origin')

void test('a page of a listed origin may call the API and read its description, without credentials', async () => {
  await using server = await open([SHOP, 'http://localhost:8080'])
  for (const path of ['/api/v1/things', '/api/v1/things?limit=1', '/openapi.json']) {
    const asked = await server.preflight(path, SHOP)
    assert.deepEqual([asked.status, allowOrigin(asked)], [204, SHOP], path)
    assert.match(asked.headers.get('access-control-allow-methods') ?? '', /POST.*DELETE/)
    assert.match(asked.headers.get('access-control-allow-headers') ?? '', /Authorization.*Idempotency-Key/)
    const answer = await server.get(path, SHOP)
    assert.deepEqual([answer.status, allowOrigin(answer)], [200, SHOP], path)
    assert.match(answer.headers.get('access-control-expose-headers') ?? '', /Retry-After/)
    for (const each of [asked, answer]) {
      assert.equal(each.headers.get('access-control-allow-credentials'), null)
      assert.match(each.headers.get('vary') ?? '', /origin/i)
    }
  }
  assert.equal(allowOrigin(await server.get('/api/v1/things', 'http://localhost:8080')), 'http://localhost:8080')
})

void test('errors carry the headers too, so that a page can read why a call failed', async () => {
  await using server = await open([SHOP])
  const missing = await server.get('/api/v1/nothing', SHOP)
  assert.deepEqual([missing.status, allowOrigin(missing)], [404, SHOP])
})

void test('other origins get nothing: only exact matches count', async () => {
  await using server = await open([SHOP])
  for (const origin of [
    'http://shop.example',
    'https://shop.example:8443',
    'https://shop.example.evil.test',
    'https://evil.test',
    'https://SHOP.example',
    'null',
  ]) {
    const asked = await server.preflight('/api/v1/things', origin)
    assert.deepEqual([asked.status, allowOrigin(asked)], [405, null], origin)
    const answer = await server.get('/api/v1/things', origin)
    assert.equal(allowOrigin(answer), null, origin)
    assert.match(answer.headers.get('vary') ?? '', /origin/i, 'a shared cache keeps the answers of origins apart')
  }
})

void test('pages, webhooks and health are not opened, and without the setting nothing is', async () => {
  await using server = await open([SHOP])
  for (const path of ['/pay/one', '/docs', '/health', '/api/webhook/mpesa', '/api/v10/x', '/openapi.jsonp'])
    assert.equal(allowOrigin(await server.get(path, SHOP)), null, path)
  assert.equal((await server.preflight('/pay/one', SHOP)).status, 405)
  await using closed = await open()
  const asked = await closed.preflight('/api/v1/things', SHOP)
  assert.deepEqual([asked.status, allowOrigin(asked)], [405, null])
  assert.equal((await closed.get('/api/v1/things', SHOP)).headers.get('vary'), null)
})
