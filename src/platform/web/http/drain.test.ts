import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { Readable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { waitFor } from '../../../../test/wait.ts'
import { createHttp, type HttpServer } from '../http.ts'
import { silentLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'

async function open(routes: (app: HttpServer) => void, idleGraceMs = 300) {
  const options = { log: silentLog, metrics: createMetrics({ defaults: false }), version: '1', idleGraceMs }
  const app = await createHttp({ ...options, publicUrl: 'http://pay.test' })
  routes(app)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  return { app, url, port: Number(new URL(url).port) }
}

/** A connection that records what it receives. */
class Line {
  readonly socket: Socket
  heard = ''
  ended = false
  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (chunk) => void (this.heard += chunk.toString()))
    this.socket.on('close', () => void (this.ended = true))
    this.socket.on('error', () => undefined)
  }
  get(path: string): void {
    this.socket.write(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)
  }
}

void test('a drain completes requests in flight, refuses new connections, and sends Connection: close', async () => {
  const gate = Promise.withResolvers<string>()
  let started = 0
  const { app, url, port } = await open((server) => {
    server.get('/slow', () => {
      started++
      return gate.promise
    })
    server.get('/quick', async () => 'quick')
  })
  const slow = fetch(`${url}/slow`)
  const kept = new Line(port)
  kept.get('/quick')
  await waitFor('the first answer', () => kept.heard.includes('quick'))
  assert.doesNotMatch(kept.heard, /connection: close/i)
  await waitFor('the slow request', () => started === 1)
  const closed = app.close()
  await waitFor('refusal', () =>
    fetch(`${url}/quick`).then(
      () => false,
      () => true,
    ),
  )
  // A request on a connection that was idle when the drain started is still handled.
  kept.heard = ''
  kept.get('/quick')
  await waitFor('the answer while draining', () => kept.heard.includes('quick'))
  assert.match(kept.heard, /connection: close/i)
  await waitFor('the end of that connection', () => kept.ended)
  gate.resolve('done')
  const answer = await slow
  assert.deepEqual([answer.status, await answer.text()], [200, 'done'])
  await closed
})

void test('idle connections do not delay a drain', async () => {
  const { app, port } = await open((server) => void server.get('/quick', async () => 'quick'), 50)
  const idle = [new Line(port), new Line(port)]
  for (const line of idle) line.get('/quick')
  await waitFor('answers', () => idle.every(({ heard }) => heard.includes('quick')))
  await app.close()
  await waitFor('ends', () => idle.every(({ ended }) => ended))
})

void test('streams end when the server drains, and notice when their reader disconnects', async () => {
  const ends: string[] = []
  const { app, url } = await open((server) => {
    server.get('/events', (request, reply) => {
      const stop = AbortSignal.any([request.signal, server.closing])
      const events = async function* (): AsyncGenerator<string> {
        yield 'data: first\n\n'
        await new Promise((resolve) => stop.addEventListener('abort', resolve))
        ends.push(server.closing.aborted ? 'drained' : 'left')
      }
      return reply.type('text/event-stream').send(Readable.from(events()))
    })
  }, 0)
  const reader = new AbortController()
  const first = await fetch(`${url}/events`, { signal: reader.signal })
  assert.equal(first.status, 200)
  reader.abort()
  await waitFor('the stream to notice the disconnect', () => ends.length === 1)
  const second = await fetch(`${url}/events`)
  const rest = second.text()
  await app.close()
  assert.match(await rest, /data: first/)
  assert.deepEqual(ends, ['left', 'drained'])
})

void test('a request that runs past the deadline is closed', async () => {
  let started = false
  const { app, url } = await open((server) => {
    server.get('/never', () => {
      started = true
      return new Promise(() => undefined)
    })
  }, 0)
  const never = fetch(`${url}/never`).then(
    () => 'answered',
    () => 'cut',
  )
  await waitFor('the request', () => started)
  await app.drain(100)
  assert.equal(await never, 'cut')
  await app.close()
})

/** Clients in a separate thread, so that they write while the server is busy closing. */
const CLIENTS = `
const { connect } = require('node:net')
const { parentPort, workerData } = require('node:worker_threads')
let sent = 0, answered = 0
const exchange = (socket) => new Promise((resolve) => {
  let heard = ''
  const end = () => { socket.off('data', data); socket.off('close', end); resolve(heard) }
  const data = (chunk) => { heard += chunk; if (heard.endsWith('quick')) end() }
  socket.on('data', data); socket.on('close', end)
  sent++
  socket.write('GET /quick HTTP/1.1\\r\\nhost: x\\r\\n\\r\\n')
})
const client = async () => {
  for (;;) {
    const socket = connect(workerData, '127.0.0.1')
    const up = await new Promise((resolve) => { socket.once('connect', () => resolve(true)); socket.once('error', () => resolve(false)) })
    socket.on('error', () => {})
    if (!up) return
    for (;;) {
      const heard = await exchange(socket)
      if (heard.endsWith('quick')) answered++
      if (!heard.endsWith('quick') || /connection: close/i.test(heard)) break
    }
    socket.destroy()
  }
}
const news = setInterval(() => parentPort.postMessage({ answered }), 10)
Promise.all(Array.from({ length: 20 }, client)).then(() => { clearInterval(news); parentPort.postMessage({ answered, sent }) })
`

void test('under load a drain loses no request', async () => {
  const { app, port } = await open((server) => void server.get('/quick', async () => 'quick'))
  const clients = new Worker(CLIENTS, { eval: true, workerData: port })
  let counts: { answered: number; sent?: number } = { answered: 0 }
  clients.on('message', (message: typeof counts) => void (counts = message))
  await waitFor('load', () => counts.answered > 100)
  await app.close()
  await waitFor('the last client', () => counts.sent !== undefined)
  assert.equal(counts.answered, counts.sent)
  await clients.terminate()
})
