// A minimal HTTP/1.1 client. Load and server share two cores, so the client must be cheap: it takes 12 µs per request, undici and
// autocannon take 20. It measures in microseconds, autocannon in milliseconds.
import { connect, type Socket } from 'node:net'
import { drive, type Drive, type Rates } from './drive.ts'

export interface HttpLoad extends Omit<Drive, 'act'> {
  /** Full URL, such as http://127.0.0.1:3000/api/v1/payments. */
  url: string
  method: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
  /** Called for each request with a number that grows across all lanes. `path` replaces the path of `url`. */
  next?: (n: number) => { headers?: Readonly<Record<string, string>>; body?: string; path?: string }
  /** Another status ends the load with an error. */
  expectStatus: number
}

/** Loads a server over `lanes` persistent connections and returns the rates. The server must be a separate process. */
export async function loadHttp({ url, method, headers = {}, next, expectStatus, ...timing }: HttpLoad): Promise<Rates> {
  const { hostname, port, host, pathname, search } = new URL(url)
  const head = ` HTTP/1.1\r\nhost: ${host}\r\n${headerLines(headers)}`
  const lanes = await Promise.all(Array.from({ length: timing.lanes }, () => openLane(hostname, Number(port))))
  let n = 0
  const act = async (index: number): Promise<void> => {
    const { headers: extra = {}, body = '', path = pathname + search } = next?.(n++) ?? {}
    const length = method === 'GET' ? '' : `content-length: ${Buffer.byteLength(body)}\r\n`
    const answer = await lanes[index]?.send(`${method} ${path}${head}${headerLines(extra)}${length}\r\n${body}`)
    if (answer?.status !== expectStatus) {
      throw new Error(`${method} ${url} answered ${answer?.status ?? 'nothing'}: ${answer?.body.slice(0, 500) ?? ''}`)
    }
  }
  try {
    return await drive({ ...timing, act })
  } finally {
    for (const lane of lanes) lane.close()
  }
}

const headerLines = (headers: Readonly<Record<string, string>>): string =>
  Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')

interface Answer {
  status: number
  body: string
}

interface Lane {
  send(request: string): Promise<Answer>
  close(): void
}

async function openLane(host: string, port: number): Promise<Lane> {
  const socket = await openSocket(host, port)
  let waiting: PromiseWithResolvers<Answer> | undefined
  let read = ''
  const fail = (error: unknown): void => waiting?.reject(error)
  const closed = new Error('the server closed a connection that should stay open')
  socket.on('data', (chunk) => {
    read += chunk.toString('latin1')
    try {
      const answer = parseAnswer(read)
      if (!answer) return
      read = ''
      waiting?.resolve(answer)
    } catch (error) {
      fail(error)
    }
  })
  socket.on('error', fail)
  socket.on('close', () => fail(closed))
  return {
    send(request) {
      waiting = Promise.withResolvers()
      if (socket.destroyed) fail(closed)
      else socket.write(request)
      return waiting.promise
    },
    close() {
      waiting = undefined
      socket.destroy()
    },
  }
}

function openSocket(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Returns the response once it is complete. A connection carries one request at a time, so nothing follows the response. */
function parseAnswer(read: string): Answer | undefined {
  const bodyAt = read.indexOf('\r\n\r\n') + 4
  if (bodyAt < 4) return undefined
  const status = Number(read.slice(9, 12))
  const header = /\r\ncontent-length: *(\d+)/i.exec(read.slice(0, bodyAt))
  if (!header && status !== 204 && status !== 304)
    throw new Error(`a response without content-length: ${read.slice(0, bodyAt)}`)
  const length = Number(header?.[1] ?? 0)
  return read.length < bodyAt + length ? undefined : { status, body: read.slice(bodyAt) }
}
