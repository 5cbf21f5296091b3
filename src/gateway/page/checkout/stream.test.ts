import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { addMs, systemClock } from '#platform/base/clock'
import { createHttp, type HttpServer } from '#platform/web/http'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { AppError } from '#platform/base/errors'
import { waitFor } from '../../../../test/wait.ts'
import { sendEvents } from './stream.ts'

interface Trial {
  readonly url: string
  readonly app: HttpServer
  /** Sends the next number to the stream. */
  give(number: number): void
  readonly ended: { followers: number; streams: number }
  /** Requests the stream and disconnects before the route starts it. */
  leaveEarly(): Promise<void>
}

const LAST = 9
const shown = {
  render: (number: number) => ({ id: number, text: `number\n${number}` }),
  isLast: (number: number) => number === LAST,
}

/** Starts a server with one stream of numbers from the test; `beatMs` is the heartbeat interval. */
async function openTrial(t: TestContext, beatMs = 60_000): Promise<Trial> {
  const metrics = createMetrics({ defaults: false })
  const app = await createHttp({
    log: silentLog,
    metrics,
    version: 'test',
    publicUrl: 'http://localhost',
    idleGraceMs: 0,
  })
  const ended = { followers: 0, streams: 0 }
  let wake: (number: number) => void = () => undefined
  async function* follow(signal: AbortSignal): AsyncGenerator<number> {
    try {
      yield 1
      while (!signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<number | undefined>()
        wake = resolve
        signal.addEventListener('abort', () => resolve(undefined))
        const number = await promise
        if (number !== undefined) yield number
      }
    } finally {
      ended.followers++
    }
  }
  app.get('/events', (_, reply) =>
    sendEvents(reply, {
      follow,
      ...shown,
      beatMs,
      closing: app.closing,
      onEnd: () => void ended.streams++,
    }),
  )
  const end = addMs(systemClock.now(), 300)
  app.get('/timed', (_, reply) =>
    sendEvents(reply, {
      follow,
      render: (number: number) => ({ id: number, text: systemClock.now() < end ? 'time left' : 'time is up' }),
      isLast: shown.isLast,
      changesInMs: () => end.getTime() - systemClock.now().getTime(),
      closing: app.closing,
      onEnd: () => void ended.streams++,
    }),
  )
  app.get('/refused', (_, reply) =>
    sendEvents(reply, {
      // oxlint-disable-next-line require-yield
      follow: async function* () {
        throw new AppError('test.full', 503, 'No place is left.')
      },
      render: () => ({ id: 1, text: '' }),
      isLast: () => false,
      closing: app.closing,
      onEnd: () => void ended.streams++,
    }),
  )
  const reached = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  app.get('/slow', async (_, reply) => {
    reached.resolve()
    await once(reply.raw, 'close')
    gone.resolve()
    return sendEvents(reply, { follow, ...shown, beatMs, closing: app.closing, onEnd: () => void ended.streams++ })
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.after(() => app.close())
  const leaveEarly = async (): Promise<void> => {
    const leaving = new AbortController()
    const asked = fetch(`${url}/slow`, { signal: leaving.signal }).catch(() => undefined)
    await reached.promise
    leaving.abort()
    await Promise.all([asked, gone.promise])
  }
  return { url, app, give: (number) => wake(number), ended, leaveEarly }
}

/** Reads a stream and collects its text. */
async function listen(url: string, path = '/events'): Promise<{ text(): string; done: Promise<void>; leave(): void }> {
  const leaving = new AbortController()
  const answer = await fetch(`${url}${path}`, { signal: leaving.signal })
  assert.equal(answer.headers.get('content-type'), 'text/event-stream')
  let text = ''
  const read = async (): Promise<void> => {
    const decoder = new TextDecoder()
    const parts: AsyncIterable<Uint8Array> | null = answer.body
    for await (const part of parts ?? []) text += decoder.decode(part, { stream: true })
  }
  const done = read().catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error
  })
  return { text: () => text, done, leave: () => leaving.abort() }
}

test('each item is a multi-line message; the last one ends the stream with an event', async (t) => {
  const trial = await openTrial(t)
  const stream = await listen(trial.url)
  await waitFor('the first', () => stream.text().includes('id: 1\ndata: number\ndata: 1\n\n'))
  trial.give(2)
  await waitFor('the second', () => stream.text().includes('id: 2\n'))
  trial.give(LAST)
  await stream.done
  assert.ok(stream.text().endsWith('event: end\ndata: 1\n\n'), stream.text())
  await waitFor(
    'all followers and streams to be released',
    () => trial.ended.followers === 1 && trial.ended.streams === 1,
  )
})

test('an idle stream sends heartbeats, and later items are not lost', async (t) => {
  const trial = await openTrial(t, 5)
  const stream = await listen(trial.url)
  await waitFor('two beats', () => stream.text().split('event: beat').length > 2)
  trial.give(2)
  await waitFor('the message', () => stream.text().includes('id: 2\n'))
  stream.leave()
})

test('a browser that disconnects before its stream starts leaves nothing open', async (t) => {
  const trial = await openTrial(t)
  await trial.leaveEarly()
  await waitFor(
    'all followers and streams to be released',
    () => trial.ended.followers === 1 && trial.ended.streams === 1,
  )
})

test('a disconnect ends the subscription', async (t) => {
  const trial = await openTrial(t)
  const stream = await listen(trial.url)
  await waitFor('the first', () => stream.text().includes('id: 1'))
  stream.leave()
  await waitFor(
    'all followers and streams to be released',
    () => trial.ended.followers === 1 && trial.ended.streams === 1,
  )
})

test('a draining server ends its streams without the end event', async (t) => {
  const trial = await openTrial(t)
  const stream = await listen(trial.url)
  await waitFor('the first', () => stream.text().includes('id: 1'))
  await trial.app.close()
  await stream.done
  assert.ok(!stream.text().includes('event: end'))
  assert.deepEqual(trial.ended, { followers: 1, streams: 1 })
})

test('a refused subscription is an error response, so that the page polls instead', async (t) => {
  const trial = await openTrial(t)
  const answer = await fetch(`${trial.url}/refused`)
  assert.equal(answer.status, 503)
  assert.match(await answer.text(), /No place is left/)
  await waitFor('its stream to be released', () => trial.ended.streams === 1)
})

test('an item that expires is sent again at that time, once, although it did not change', async (t) => {
  const { url, give } = await openTrial(t)
  const stream = await listen(url, '/timed')
  await waitFor('the end of the time', () => stream.text().includes('time is up'))
  give(LAST)
  await stream.done
  assert.equal(stream.text().match(/time left/g)?.length, 1)
  assert.equal(stream.text().match(/time is up/g)?.length, 2, 'once at expiry, and once as the last item')
})
