import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { waitFor } from '../../../../test/wait.ts'
import { createHttp, type HttpServer } from '../http.ts'
import { monotonicMs } from '../../base/clock.ts'
import { silentLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'

interface Options {
  readonly drainDelayMs: number
  readonly idleGraceMs?: number
  readonly port?: number
  readonly routes?: (app: HttpServer) => void
}

/** A server whose readiness fails from the moment it begins to stop, as the program's does. */
async function open({ drainDelayMs, idleGraceMs = 50, port = 0, routes }: Options) {
  const options = {
    log: silentLog,
    metrics: createMetrics({ defaults: false }),
    version: '1',
    idleGraceMs,
    drainDelayMs,
  }
  const app = await createHttp({ ...options, publicUrl: 'http://pay.test' })
  let ready = true
  app.get('/ready', (_, reply) => reply.code(ready ? 200 : 503).send(''))
  app.get('/quick', async () => 'quick')
  routes?.(app)
  const url = await app.listen({ port, host: '127.0.0.1' })
  const stop = (): Promise<void> => {
    ready = false
    return app.close()
  }
  return { app, url, port: Number(new URL(url).port), stop }
}

/** A connection that records what it receives. */
function openLine(port: number) {
  const socket: Socket = connect(port, '127.0.0.1')
  const line = {
    heard: '',
    ended: false,
    get: (path: string) => void socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`),
  }
  socket.on('data', (chunk: Buffer) => void (line.heard += chunk.toString()))
  socket.on('close', () => void (line.ended = true))
  socket.on('error', () => undefined)
  return line
}

void test('during the delay requests are served, readiness fails, and every answer says close', async () => {
  const gate = Promise.withResolvers<string>()
  let started = 0
  const routes = (app: HttpServer): void =>
    void app.get('/slow', () => {
      started++
      return gate.promise
    })
  const { stop, port, url } = await open({ drainDelayMs: 400, routes })
  const [idle, busy] = [openLine(port), openLine(port)]
  idle.get('/quick')
  await waitFor('the first answer', () => idle.heard.includes('quick'))
  assert.doesNotMatch(idle.heard, /connection: close/i)
  busy.get('/slow')
  await waitFor('the slow request', () => started === 1)
  const beganMs = monotonicMs()
  const stopped = stop()
  const ready = await fetch(`${url}/ready`)
  assert.deepEqual([ready.status, ready.headers.get('connection')], [503, 'close'])
  for (const path of ['/quick', '/nothing'])
    assert.equal((await fetch(url + path)).headers.get('connection'), 'close', path)
  // The head of this answer was prepared before the stop began.
  gate.resolve('done')
  await waitFor('the end of the busy connection', () => busy.ended)
  assert.match(busy.heard, /connection: close[^]*done/i)
  assert.equal(idle.ended, false, 'no answer closed it, and a request may be in transit')
  idle.heard = ''
  idle.get('/quick')
  await waitFor('the answer on the idle connection', () => idle.ended)
  assert.match(idle.heard, /connection: close[^]*quick/i)
  await stopped
  assert.ok(monotonicMs() - beganMs >= 400)
  await assert.rejects(fetch(`${url}/quick`))
})

void test('streams continue during the delay and end after it; a second close waits for the first', async () => {
  let ended = false
  const routes = (app: HttpServer): void =>
    void app.get('/events', (_, reply) => {
      const events = async function* (): AsyncGenerator<string> {
        yield 'data: first\n\n'
        await new Promise((resolve) => app.closing.addEventListener('abort', resolve))
        ended = true
      }
      return reply.type('text/event-stream').send(Readable.from(events()))
    })
  const { stop, url } = await open({ drainDelayMs: 300, routes })
  const stream = await fetch(`${url}/events`)
  const rest = stream.text()
  const stopped = Promise.all([stop(), stop()])
  assert.equal((await fetch(`${url}/quick`)).status, 200)
  assert.equal(ended, false, 'the client would reconnect to this server')
  assert.match(await rest, /first/)
  await stopped
})

void test('a stop takes the delay and the drain time at most', async () => {
  const routes = (app: HttpServer): void => void app.get('/never', () => new Promise(() => undefined))
  const { app, port, stop } = await open({ drainDelayMs: 100, routes })
  const never = openLine(port)
  never.get('/never')
  const beganMs = monotonicMs()
  await app.drain(200)
  const tookMs = monotonicMs() - beganMs
  assert.ok(tookMs >= 300 && tookMs < 3_000, `${tookMs} ms`)
  await waitFor('the request to be cut', () => never.ended)
  await stop()
})

/**
 * A load balancer with health checks, and its clients, in another thread. It keeps connections to its servers, sends to a server until
 * two checks failed, and repeats nothing: a lost request is a lost request.
 */
const BALANCER = `
const { Agent, get } = require('node:http')
const { parentPort, workerData: { ports, clients, stop } } = require('node:worker_threads')
const agent = new Agent({ keepAlive: true })
const state = ports.map((port) => ({ port, up: true, failed: 0 }))
let sent = 0, answered = 0, lost = [], turn = 0
const stopping = () => Atomics.load(stop, 0) === 1
const ask = (port, path, options) => new Promise((resolve) => {
  get({ port, path, host: '127.0.0.1', ...options }, (answer) => {
    answer.resume(); answer.on('end', () => resolve(answer.statusCode)); answer.on('error', (e) => resolve(e.message))
  }).on('error', (e) => resolve(e.code + ' ' + e.message))
})
const check = async (server) => {
  if (await ask(server.port, '/ready', { agent: false, timeout: 500 }) === 200) { server.failed = 0; server.up = true }
  else if (++server.failed >= 2) server.up = false
}
const checks = setInterval(() => state.forEach(check), 50)
const client = async () => {
  while (!stopping()) {
    const up = state.filter((server) => server.up)
    if (up.length === 0) { lost.push('no server is up'); break }
    sent++
    const status = await ask(up[turn++ % up.length].port, '/quick', { agent })
    if (status === 200) answered++
    else lost.push(status)
  }
}
const news = setInterval(() => parentPort.postMessage({ sent, answered, lost: lost.slice(0, 5), up: state.map(({ up }) => up) }), 20)
Promise.all(Array.from({ length: clients }, client)).then(() => {
  clearInterval(news); clearInterval(checks); agent.destroy(); parentPort.postMessage({ sent, answered, lost, up: [], done: true })
})
`

interface Counts {
  sent: number
  answered: number
  lost: (string | number)[]
  up: boolean[]
  done?: boolean
}

void test('rolling restarts behind a balancer with health checks lose no request', async (t) => {
  const options = { drainDelayMs: 400, idleGraceMs: 100 }
  const servers = [await open(options), await open(options)]
  const stopping = new Int32Array(new SharedArrayBuffer(4))
  const balancer = new Worker(BALANCER, {
    eval: true,
    workerData: { ports: servers.map(({ port }) => port), clients: 20, stop: stopping },
  })
  let counts: Counts = { sent: 0, answered: 0, lost: [], up: [] }
  balancer.on('message', (message: Counts) => void (counts = message))
  for (let round = 0; round < 6; round++) {
    const target = counts.answered + 200
    await waitFor('load on both servers', () => counts.answered > target && counts.up.every(Boolean))
    const i = round % 2
    const { port, stop } = servers[i] ?? assert.fail()
    await stop()
    servers[i] = await open({ ...options, port })
  }
  Atomics.store(stopping, 0, 1)
  await waitFor('the clients to end', () => counts.done === true)
  await balancer.terminate()
  for (const { stop } of servers) await stop()
  assert.deepEqual(counts.lost, [])
  assert.equal(counts.answered, counts.sent)
  t.diagnostic(`${counts.sent} requests over 6 restarts`)
})
