import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { waitFor } from './wait.ts'

/** One event as it arrived. */
export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly raw: string
  /** The body, read as JSON. */
  readonly event: any
}

type Answer = (received: Received, response: ServerResponse) => void

/** A merchant's server: keeps what arrives and answers 200 unless told otherwise. */
export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
  /** How to answer from now on; without an argument with 200. */
  answers(answer?: Answer | number): void
  /** Types of what arrived, about one object if one is named, in order. */
  types(objectId?: string): string[]
  /** Ends all connections: what was not answered will not be. */
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
