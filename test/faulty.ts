import { createServer, request as send, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Faults of a provider. */
export type Fault =
  /** Reads the request and closes the connection. */
  | 'cut'
  /** Passes the request on, then closes the connection without an answer. */
  | 'cut-after'
  /** Never answers. */
  | 'silent'
  | 'server-error'
  | 'too-many'
  | 'forbidden-page'
  /** 200 with the HTML page of a proxy. */
  | 'page'
  /** 200 with unrelated JSON. */
  | 'other-json'
  /** 200 with the right names but values of wrong types. */
  | 'wrong-types'

export interface Faulty extends AsyncDisposable {
  readonly url: string
  fault: Fault | undefined
}

const WRONG_TYPES = {
  ...{ ResponseCode: [0], CheckoutRequestID: { a: 1 }, ResultCode: null, MerchantRequestID: [] },
  ...{ id: 7, object: 'checkout.session', livemode: 'no', payment_status: true, payment_intent: 3 },
}

/** Opens a proxy before a provider. It fails on requests for which `faulty` returns true. */
export async function openFaulty(target: string, faulty: (path: string) => boolean): Promise<Faulty> {
  const self: { fault: Fault | undefined } = { fault: undefined }
  const server = createServer((request, response) => {
    const fault = faulty(request.url ?? '') ? self.fault : undefined
    void readAll(request).then((body) => answer(target, fault, request, response, body))
  })
  await listen(server)
  return Object.assign(self, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => closeServer(server),
  })
}

function answer(
  target: string,
  fault: Fault | undefined,
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
): void {
  const json = (status: number, value: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  }
  const page = (status: number): void => {
    response.writeHead(status, { 'content-type': 'text/html' }).end('<html><h1>Request unsuccessful</h1></html>')
  }
  switch (fault) {
    case undefined:
      return forward(target, request, body, (status, headers, text) => response.writeHead(status, headers).end(text))
    case 'cut':
      return void request.socket.destroy()
    case 'cut-after':
      return forward(target, request, body, () => void request.socket.destroy())
    case 'silent':
      return
    case 'server-error':
      return json(500, { error: { message: 'Something broke', type: 'api_error' } })
    case 'too-many':
      return json(429, { error: { message: 'Too many requests', type: 'invalid_request_error', code: 'rate_limit' } })
    case 'forbidden-page':
      return page(403)
    case 'page':
      return page(200)
    case 'other-json':
      return json(200, { hello: 'world' })
    case 'wrong-types':
      return json(200, WRONG_TYPES)
  }
}

type Answered = (status: number, headers: Record<string, string>, body: Buffer) => void

/** Forwards a request unchanged. Cuts its connection when `target` does not answer. */
export function forward(target: string, request: IncomingMessage, body: Buffer, done: Answered): void {
  const { host: _, ...headers } = request.headers
  const url = target.replace(/\/$/, '') + (request.url ?? '')
  const onward = send(url, { method: request.method ?? 'GET', headers, agent: false }, (response) => {
    const type = response.headers['content-type'] ?? 'application/json'
    void readAll(response).then((text) => done(response.statusCode ?? 502, { 'content-type': type }, text))
  })
  onward.on('error', () => request.socket.destroy())
  onward.end(body)
}

export interface Received {
  readonly path: string
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
  /** Statuses to answer before 200: `[500, 500]`. */
  refusals: number[]
}

/** Opens a server that receives and records posts, like the program's webhook endpoint. */
export async function openReceiver(): Promise<Receiver> {
  const self = { received: [] as Received[], refusals: [] as number[] }
  const server = createServer((request, response) => {
    void readAll(request).then((body) => {
      self.received.push({ path: request.url ?? '', headers: request.headers, body })
      response.writeHead(self.refusals.shift() ?? 200).end('{}')
    })
  })
  await listen(server)
  return Object.assign(self, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => closeServer(server),
  })
}

export async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  try {
    for await (const part of stream) parts.push(part as Buffer)
  } catch {
    // The peer disconnected. Return the bytes that arrived.
  }
  return Buffer.concat(parts)
}

export const listen = (server: Server): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => resolve())
  })

export const closeServer = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })

export interface Scripted extends AsyncDisposable {
  readonly url: string
  readonly received: Received[]
}

export interface ScriptedAnswer {
  status?: number
  /** Sent as JSON unless it is text. */
  body: unknown
}

/** Opens a provider that answers by `say`, for recorded bodies. */
export async function openScripted(
  say: (request: Received) => ScriptedAnswer | Promise<ScriptedAnswer>,
): Promise<Scripted> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    void readAll(request).then(async (body) => {
      const one = { path: request.url ?? '', headers: request.headers, body }
      received.push(one)
      const { status = 200, body: said } = await say(one)
      const text = typeof said === 'string' ? said : JSON.stringify(said)
      response.writeHead(status, { 'content-type': 'application/json' }).end(text)
    })
  })
  await listen(server)
  return {
    received,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () => closeServer(server),
  }
}
