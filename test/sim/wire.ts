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

export interface Wire extends AsyncDisposable {
  readonly url: string
  /** What befalls all that passes from now on; undefined: nothing. */
  mishap: Mishap | undefined
  /** Delivers what was held back. */
  release(): Promise<void>
}

export interface WireOptions {
  /** Where requests go. */
  readonly to: () => string
  /** Whether a mishap may befall the request. */
  readonly exposed: (path: string) => boolean
  readonly kill: () => void
}

interface Passing {
  readonly request: IncomingMessage
  readonly body: Buffer
}

/** Stands between the program and the providers. */
export async function openWire({ to, exposed, kill }: WireOptions): Promise<Wire> {
  const held: Passing[] = []
  const pass = ({ request, body }: Passing): Promise<{ status: number; type: string; text: Buffer }> =>
    new Promise((resolve) => {
      const gone = (): void => resolve({ status: 502, type: 'text/plain', text: Buffer.from('') })
      request.socket.once('close', gone)
      forward(to(), request, body, (status, headers, text) => {
        request.socket.off('close', gone)
        resolve({ status, type: headers['content-type'] ?? 'application/json', text })
      })
    })
  const wire: Pick<Wire, 'mishap'> = { mishap: undefined }
  const server = createServer((request, response) => {
    const { mishap } = exposed(request.url ?? '') ? wire : { mishap: undefined }
    const answer = (status: number, text: string | Buffer = '{}', type = 'application/json'): void =>
      void response.writeHead(status, { 'content-type': type }).end(text)
    const handle = async (): Promise<void> => {
      const passing: Passing = { request, body: await readAll(request) }
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
  return Object.assign(wire, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    release: async () => {
      for (const passing of held.splice(0)) await pass(passing)
    },
    [Symbol.asyncDispose]: () => closeServer(server),
  })
}
