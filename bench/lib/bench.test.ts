import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { alternate, drive, type Rates } from './drive.ts'
import { loadHttp } from './http.ts'
import { renderTable } from './result.ts'
import { spawnServer } from './server.ts'

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/payments?x=1`
}

test('a load sends each request once, over one connection per lane', async (t) => {
  const seen = new Set<string>()
  const sockets = new Set<unknown>()
  let requests = 0
  const url = await serve(t, (request, response) => {
    requests += 1
    sockets.add(request.socket)
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      seen.add([request.url, request.headers['idempotency-key'], request.headers.authorization, body].join(' '))
      const text = JSON.stringify({ é: body.repeat(300) })
      response.writeHead(201, { 'content-length': Buffer.byteLength(text) }).end(text)
    })
  })
  const rates = await loadHttp({
    url,
    method: 'POST',
    lanes: 3,
    durationMs: 150,
    warmupMs: 20,
    headers: { authorization: 'Bearer x' },
    next: (n) => ({ headers: { 'idempotency-key': `k${n}` }, body: `{"n":"€${n}"}` }),
    expectStatus: 201,
  })
  assert.ok(seen.has('/payments?x=1 k0 Bearer x {"n":"€0"}'))
  assert.equal(seen.size, requests)
  assert.equal(sockets.size, 3)
  assert.ok(rates.acts > 0 && rates.acts <= requests)
  assert.ok(rates.p50Us > 0 && rates.p50Us <= rates.p95Us && rates.p95Us <= rates.p99Us)
})

test('a load fails on another status, a closed connection or a response without a length', async (t) => {
  const load = { method: 'GET', lanes: 2, durationMs: 5000, expectStatus: 200 } as const
  const refusing = await serve(t, (_, response) => {
    response.writeHead(429, { 'content-length': 4 }).end('slow')
  })
  await assert.rejects(loadHttp({ ...load, url: refusing }), /answered 429: slow/)
  const cutting = await serve(t, (request) => request.socket.destroy())
  await assert.rejects(loadHttp({ ...load, url: cutting }), /closed a connection|ECONNRESET/)
  const chunked = await serve(t, (_, response) => {
    response.write('a')
    response.end('b')
  })
  await assert.rejects(loadHttp({ ...load, url: chunked }), /without content-length/)
})

test('an act that fails ends all lanes', async () => {
  let acts = 0
  const act = async (): Promise<void> => {
    await new Promise(setImmediate)
    acts += 1
    if (acts >= 10) throw new Error('refused')
  }
  await assert.rejects(drive({ lanes: 2, durationMs: 60_000, act }), /refused/)
  assert.ok(acts <= 12)
})

test('a drive lasts until one act has ended, and its rate uses that time', async () => {
  const act = (): Promise<void> => new Promise((resolve) => setTimeout(() => resolve(), 60))
  const rates = await drive({ lanes: 1, durationMs: 20, warmupMs: 0, act })
  assert.equal(rates.acts, 1)
  assert.ok(rates.perSecond > 1 && rates.perSecond < 20, `${rates.perSecond} a second`)
})

test('a drive in which no act ends fails', async () => {
  const act = (): Promise<void> => new Promise((resolve) => setTimeout(() => resolve(), 60))
  await assert.rejects(drive({ lanes: 2, durationMs: 20, warmupMs: 0, graceMs: 10, act }), /no act ended within 30 ms/)
})

test('variants run in turn, each is first once, and the result is their median', async () => {
  const order: string[] = []
  const variant = (name: string, figures: number[]) => async (): Promise<Rates> => {
    order.push(name)
    const perSecond = figures.shift() ?? 0
    return { perSecond, p50Us: 1, p95Us: 2, p99Us: perSecond, acts: 3 }
  }
  const found = await alternate({ floor: variant('floor', [9, 100, 10]), purser: variant('purser', [5, 4, 90]) }, 3)
  assert.deepEqual(order, ['floor', 'purser', 'purser', 'floor', 'floor', 'purser'])
  assert.equal(found.floor.perSecond, 10)
  assert.equal(found.purser.p99Us, 5)
})

test('a table is rendered as aligned Markdown', () => {
  const text = renderTable({
    title: 'T',
    columns: ['what', 'per second'],
    rows: [
      ['floor', '10,000'],
      ['fast', 7],
    ],
  })
  assert.equal(
    text,
    [
      'T',
      '',
      '| what  | per second |',
      '| ----- | ---------: |',
      '| floor |     10,000 |',
      '| fast  |          7 |',
    ].join('\n'),
  )
})

test('a server is ready when /health answers, and the error of one that ends has its output', async () => {
  const body = `require('node:http').createServer((q, r) => r.writeHead(q.url === '/health' ? 200 : 404).end(process.env.WORD)).listen(process.env.PORT, '127.0.0.1')`
  await using server = await spawnServer({ args: ['-e', body], env: { WORD: 'hello' } })
  assert.equal(await (await fetch(`${server.url}/x`)).text(), 'hello')
  await server.stop()
  assert.throws(() => process.kill(server.pid, 0), { code: 'ESRCH' })
  await assert.rejects(spawnServer({ args: ['-e', `throw new Error('no port')`] }), /ended:[\s\S]*no port/)
})
