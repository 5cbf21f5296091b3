import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { openBrowser } from '../../../../test/browser.ts'
import { createHttp } from '../http.ts'
import { silentLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'

async function open() {
  const metrics = createMetrics({ defaults: false })
  const app = await createHttp({ log: silentLog, metrics, version: '1', publicUrl: 'http://pay.test', idleGraceMs: 0 })
  app.post(
    '/api/v1/things',
    {
      schema: {
        tags: ['Things'],
        summary: 'Make a thing',
        body: z.object({ amount: z.string() }),
        response: { 201: z.object({ id: z.string() }) },
      },
    },
    async (_, reply) => reply.code(201).send({ id: 'thg_1' }),
  )
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { url, [Symbol.asyncDispose]: () => app.close() }
}

void test('the reference script is compressed and cached by its ETag', async () => {
  await using server = await open()
  const first = await fetch(`${server.url}/docs/reference.js`)
  assert.deepEqual([first.status, first.headers.get('content-encoding')], [200, 'gzip'])
  assert.match(await first.text(), /createApiReference/)
  const etag = first.headers.get('etag') ?? ''
  assert.equal((await fetch(`${server.url}/docs/reference.js`, { headers: { 'if-none-match': etag } })).status, 304)
})

void test('the reference shows the routes and loads nothing from other origins', async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using _ = browser
  await using server = await open()
  const page = await browser.page()
  const asked: string[] = []
  const problems: string[] = []
  page.on('request', (request) => void asked.push(request.url()))
  page.on('console', (message) => void (message.type() === 'error' && problems.push(message.text())))
  page.on('pageerror', (error) => void problems.push(error.message))
  await page.goto(`${server.url}/docs`)
  // The browser parses a script of 4 MB, perhaps on a busy machine.
  await page.getByRole('heading', { name: 'Make a thing' }).waitFor({ timeout: 60_000 })
  await page.waitForLoadState('networkidle', { timeout: 60_000 })
  const foreign = asked.filter(
    (url) => !url.startsWith(server.url) && !url.startsWith('data:') && !url.startsWith('blob:'),
  )
  assert.deepEqual(foreign, [])
  assert.deepEqual(problems, [])
})
