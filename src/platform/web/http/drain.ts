import type { ServerResponse } from 'node:http'
import { Server, type Socket } from 'node:net'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import type { HttpServer } from './types.ts'

const POLL_MS = 20

export interface DrainOptions {
  /** Aborts first: from then on every response says `Connection: close`. */
  leaving: AbortController
  /** Aborts when the listener has closed: streams end. */
  closing: AbortController
  /** Time that the listener stays open after `leaving`, so that a load balancer notices that readiness fails. */
  delayMs: number
  /** Time without a byte from any client after which idle connections are closed. */
  idleGraceMs: number
}

/** Drains a server without losing a request. */
export interface Drain {
  /** Resolves when no connection is left. Closes the remaining ones at the deadline, which starts after the delay. A second call waits for the first. */
  run(deadlineMs: number): Promise<void>
}

/**
 * Creates a drain. The order matters.
 * 1. With a delay, the listener stays open and every response says `Connection: close`. Clients that reconnect are served, and a load
 *    balancer stops sending.
 * 2. The listener closes. New connections are refused, because their clients have sent nothing yet. Streams end. Without a delay,
 *    responses say `Connection: close` only from here, so that no client reconnects to a closing listener.
 * 3. Requests in flight complete, and their connections close.
 * 4. Idle connections that no response closed are cut last, once no byte has arrived for `idleGraceMs`: a request may be in transit on
 *    each of them. Node's `server.close()` would cut them at once.
 */
export function createDrain(app: HttpServer, options: DrainOptions): Drain {
  const { leaving, closing, delayMs, idleGraceMs } = options
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  let running: Promise<void> | undefined
  const run = async (deadlineMs: number): Promise<void> => {
    const { server } = app
    if (server.listening && delayMs > 0) {
      leave(leaving, sockets)
      await waitMs(delayMs)
    }
    const until = monotonicMs() + deadlineMs
    if (server.listening) {
      // Wait for the poll phase of the event loop, which accepts all pending connections.
      await new Promise(setImmediate)
      Server.prototype.close.call(server)
    }
    leave(leaving, sockets)
    closing.abort()
    let [received, quietSince] = [-1, monotonicMs()]
    while (sockets.size > 0 && monotonicMs() < until) {
      const bytes = countReceived(sockets)
      if (bytes !== received) [received, quietSince] = [bytes, monotonicMs()]
      if (monotonicMs() - quietSince >= idleGraceMs) server.closeIdleConnections()
      await waitMs(POLL_MS)
    }
    server.closeAllConnections()
  }
  return { run: (deadlineMs) => (running ??= run(deadlineMs)) }
}

/** Makes every response from now on say `Connection: close`, also those of the requests in flight. */
function leave(leaving: AbortController, sockets: ReadonlySet<Socket>): void {
  if (leaving.signal.aborted) return
  leaving.abort()
  for (const socket of sockets) {
    // Node keeps the response in progress of a connection here, and reads it in closeIdleConnections() (lib/_http_server.js).
    const { _httpMessage: response } = socket as Socket & { _httpMessage?: ServerResponse | null }
    if (response && !response.headersSent) response.setHeader('connection', 'close')
  }
}

/** Returns a number that changes when a byte arrives or a connection ends. */
const countReceived = (sockets: ReadonlySet<Socket>): number => {
  let bytes = 0
  for (const { bytesRead } of sockets) bytes += bytesRead
  return bytes
}

/**
 * Makes `app.close()` drain first. A preClose hook is too late: Fastify sends `Connection: close` before these hooks run, while the
 * listener still accepts connections, and then loses the requests of clients that reconnect at once.
 */
export function drainOnClose(app: HttpServer, drain: Drain, deadlineMs: number): void {
  const close = app.close.bind(app)
  const drained = async (): Promise<undefined> => {
    await drain.run(deadlineMs)
    return close()
  }
  app.close = drained as typeof app.close
}
