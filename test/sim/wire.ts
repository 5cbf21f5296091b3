import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { closeServer, forward, listen, readAll } from '../faulty.ts'

/** Fault of a request or its response. */
export type Fault =
  /** The connection breaks before the receiver reads anything. */
  | 'not-sent'
  /** The receiver acts, but its response is lost. */
  | 'answer-lost'
  /** The receiver acts, but answers with an error. */
  | 'error-after'
  | 'busy'
  /** The request arrives twice in a row. */
  | 'twice'
  /** The sender gets 200 now; the request arrives only at `release`. */
  | 'later'
  /** The sender gets 200, but the request never arrives. */
  | 'swallowed'
  /** The receiver acts, then the program is killed before a response. */
  | 'killed'
  /** The program is killed before the receiver reads anything. */
  | 'killed-first'

export interface WireFaults {
  /** Fault of every request from now on. Undefined: none. */
  fault: Fault | undefined
  /** Number of requests that pass before the fault applies. */
  skipped: number
}

export interface Wire extends WireFaults, AsyncDisposable {
  readonly url: string
  /** Path prefixes of unreachable receivers. */
  readonly down: Set<string>
  /** Number of requests per effect. */
  readonly effects: ReadonlyMap<string, number>
  /** Delivers the requests that `later` held back. */
  release(): Promise<void>
}

export interface WireOptions {
  /** Returns the base URL of the receiver. */
  readonly to: () => string
  /** Whether a request can get a fault. */
  readonly exposed: (path: string) => boolean
  /** Whether the sender retries until it is accepted. Such a request is never swallowed. */
  readonly repeats?: (path: string) => boolean
  /** Names an effect that must be requested only once. */
  readonly effectOf?: (path: string, body: string) => string | undefined
  readonly kill: () => void
}

interface Passing {
  readonly request: IncomingMessage
  readonly body: Buffer
}

/** Opens a proxy between the program and the providers that injects faults. */
export async function openWire(options: WireOptions): Promise<Wire> {
  const { to, kill, effectOf } = options
  const held: Passing[] = []
  const down = new Set<string>()
  const effects = new Map<string, number>()
  const faults: WireFaults = { fault: undefined, skipped: 0 }
  const pass = ({ request, body }: Passing): Promise<{ status: number; type: string; text: Buffer }> =>
    new Promise((resolve) => {
      const failClosed = (): void => resolve({ status: 502, type: 'text/plain', text: Buffer.from('') })
      request.socket.once('close', failClosed)
      forward(to(), request, body, (status, headers, text) => {
        request.socket.off('close', failClosed)
        resolve({ status, type: headers['content-type'] ?? 'application/json', text })
      })
    })
  const note = (path: string, body: Buffer): void => {
    const effect = effectOf?.(path, body.toString('utf8'))
    if (effect !== undefined) effects.set(effect, (effects.get(effect) ?? 0) + 1)
  }
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const fault = takeFault(path, { ...options, down, faults })
    const answer = (status: number, text: string | Buffer = '{}', type = 'application/json'): void =>
      void response.writeHead(status, { 'content-type': type }).end(text)
    const handle = async (): Promise<void> => {
      const passing: Passing = { request, body: await readAll(request) }
      note(path, passing.body)
      switch (fault) {
        case 'not-sent':
          return void request.socket.destroy()
        case 'busy':
          return void response.writeHead(429, { 'retry-after': '1', 'content-type': 'application/json' }).end('{}')
        case 'swallowed':
          return answer(200)
        case 'later':
          held.push(passing)
          return answer(200)
        case 'answer-lost':
          await pass(passing)
          return void request.socket.destroy()
        case 'error-after':
          await pass(passing)
          return answer(500)
        case 'killed':
          await pass(passing)
          kill()
          return void request.socket.destroy()
        case 'killed-first':
          kill()
          return void request.socket.destroy()
        case 'twice':
          await pass(passing)
          break
        case undefined:
      }
      const { status, type, text } = await pass(passing)
      answer(status, text, type)
    }
    void handle()
  })
  await listen(server)
  return Object.assign(faults, {
    down,
    effects,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    release: async () => {
      for (const passing of held.splice(0)) await pass(passing)
    },
    [Symbol.asyncDispose]: () => closeServer(server),
  })
}

interface FaultChoice extends Pick<WireOptions, 'exposed' | 'repeats'> {
  readonly down: ReadonlySet<string>
  readonly faults: WireFaults
}

function takeFault(path: string, { exposed, repeats, down, faults }: FaultChoice): Fault | undefined {
  if ([...down].some((begin) => path.startsWith(begin))) return 'not-sent'
  if (!exposed(path) || faults.fault === undefined) return undefined
  if (faults.skipped > 0) {
    faults.skipped -= 1
    return undefined
  }
  return faults.fault === 'swallowed' && repeats?.(path) ? 'not-sent' : faults.fault
}
