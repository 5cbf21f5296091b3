import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { waitFor } from './wait.ts'

/** One received event. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly raw: string
  /** The body, parsed as JSON. */
  readonly event: any
}

type Answer = (received: Received, response: ServerResponse) => void

/** A merchant's server. It records events and answers 200 unless set otherwise. */
export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
  /** Sets the answer from now on. Without an argument: 200. */
  answers(answer?: Answer | number): void
  /** Returns the types of received events in order, optionally of one object. */
  types(objectId?: string): string[]
  /** Closes all connections. Unanswered requests stay unanswered. */
  cut(): void
  waitFor(what: string, found: (all: readonly Received[]) => boolean): Promise<void>
}

export async function openReceiver(): Promise<Receiver> {
  const received: Received[] = []
  const ok: Answer = (_, response) => void response.end('thank you')
  let answer = ok
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const raw = Buffer.concat(chunks).toString()
      const one: Received = { path: request.url ?? '', headers: request.headers, raw, event: JSON.parse(raw) }
      received.push(one)
      answer(one, response)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    answers: (to = ok) => {
      answer = typeof to === 'number' ? (_, response) => void response.writeHead(to).end(`status ${to}`) : to
    },
    types: (objectId) =>
      received
        .filter(({ event }) => objectId === undefined || event.data.object.id === objectId)
        .map(({ event }) => event.type),
    cut: () => server.closeAllConnections(),
    waitFor: async (what, found) => void (await waitFor(what, () => found(received))),
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
