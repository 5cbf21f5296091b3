import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { closeServer, forward, listen, readAll } from '../faulty.ts'

/** What happens to a request on its way, and to its answer. */
export type Mishap =
  /** The connection breaks before the other side has read anything. */
  | 'not-sent'
  /** The other side acts, and its answer is lost. */
  | 'answer-lost'
  /** The other side acts, and says that it could not. */
  | 'error-after'
  | 'busy'
  /** It arrives twice, one after the other. */
  | 'twice'
  /** It is taken as delivered, and arrives only at `release`. */
  | 'later'
  /** It is taken as delivered, and never arrives. */
  | 'swallowed'
  /** The other side acts, and whoever waits for the answer is killed. */
  | 'killed'
  /** The program is killed before the other side has read anything. */
  | 'killed-first'

export interface Weather {
  /** What befalls all that passes from now on; undefined: nothing. */
  mishap: Mishap | undefined
  /** So many requests pass unharmed before. */
  spared: number
}

export interface Wire extends Weather, AsyncDisposable {
  readonly url: string
  /** Who cannot be reached, by the beginning of their paths. */
  readonly down: Set<string>
  /** How often each effect was asked for. */
  readonly asked: ReadonlyMap<string, number>
  /** Delivers what was held back. */
  release(): Promise<void>
}

export interface WireOptions {
  /** Where requests go. */
  readonly to: () => string
  /** Whether a mishap may befall the request. */
  readonly exposed: (path: string) => boolean
  /** Whether whoever sends it tries again until it is taken: then nothing is swallowed. */
  readonly repeats?: (path: string) => boolean
  /** A name for what must be asked for once. */
  readonly effectOf?: (path: string, body: string) => string | undefined
  readonly kill: () => void
}

interface Passing {
  readonly request: IncomingMessage
  readonly body: Buffer
}

/** Stands between the program and the providers. */
export async function openWire(options: WireOptions): Promise<Wire> {
  const { to, kill, effectOf } = options
  const held: Passing[] = []
  const down = new Set<string>()
  const asked = new Map<string, number>()
  const weather: Weather = { mishap: undefined, spared: 0 }
  const pass = ({ request, body }: Passing): Promise<{ status: number; type: string; text: Buffer }> =>
    new Promise((resolve) => {
      const gone = (): void => resolve({ status: 502, type: 'text/plain', text: Buffer.from('') })
      request.socket.once('close', gone)
      forward(to(), request, body, (status, headers, text) => {
        request.socket.off('close', gone)
        resolve({ status, type: headers['content-type'] ?? 'application/json', text })
      })
    })
  const note = (path: string, body: Buffer): void => {
    const effect = effectOf?.(path, body.toString('utf8'))
    if (effect !== undefined) asked.set(effect, (asked.get(effect) ?? 0) + 1)
  }
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const mishap = befalls(path, { ...options, down, weather })
    const answer = (status: number, text: string | Buffer = '{}', type = 'application/json'): void =>
      void response.writeHead(status, { 'content-type': type }).end(text)
    const handle = async (): Promise<void> => {
      const passing: Passing = { request, body: await readAll(request) }
      note(path, passing.body)
      switch (mishap) {
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
  return Object.assign(weather, {
    down,
    asked,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    release: async () => {
      for (const passing of held.splice(0)) await pass(passing)
    },
    [Symbol.asyncDispose]: () => closeServer(server),
  })
}

interface Befalling extends Pick<WireOptions, 'exposed' | 'repeats'> {
  readonly down: ReadonlySet<string>
  readonly weather: Weather
}

function befalls(path: string, { exposed, repeats, down, weather }: Befalling): Mishap | undefined {
  if ([...down].some((begin) => path.startsWith(begin))) return 'not-sent'
  if (!exposed(path) || weather.mishap === undefined) return undefined
  if (weather.spared > 0) {
    weather.spared -= 1
    return undefined
  }
  return weather.mishap === 'swallowed' && repeats?.(path) ? 'not-sent' : weather.mishap
}
