import { Server } from 'node:net'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import type { HttpServer } from './types.ts'

const POLL_MS = 20

/** Drains a server without losing a request. */
export interface Drain {
  /** Resolves when no connection is left. Closes the remaining ones at the deadline. A second call waits for the first. */
  run(deadlineMs: number): Promise<void>
}

/**
 * Creates a drain. The order matters. New connections are refused first, because their clients have sent nothing yet. Then responses say
 * `Connection: close`, so that no client reconnects to a closing listener. Idle connections are closed last, after `idleGraceMs`,
 * because a request may be in transit on each of them. Node's `server.close()` would close them at once.
 */
export function createDrain(app: HttpServer, closing: AbortController, idleGraceMs: number): Drain {
  let running: Promise<void> | undefined
  const run = async (deadlineMs: number): Promise<void> => {
    const until = monotonicMs() + deadlineMs
    const { server } = app
    if (server.listening) {
      // Wait for the poll phase of the event loop, which accepts all pending connections.
      await new Promise(setImmediate)
      Server.prototype.close.call(server)
    }
    closing.abort()
    const closeIdleAt = monotonicMs() + idleGraceMs
    while ((await countConnections(server)) > 0 && monotonicMs() < until) {
      if (monotonicMs() >= closeIdleAt) server.closeIdleConnections()
      await waitMs(POLL_MS)
    }
    server.closeAllConnections()
  }
  return { run: (deadlineMs) => (running ??= run(deadlineMs)) }
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

const countConnections = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.getConnections((error, count) => resolve(error ? 0 : count))
  })
