import { Server } from 'node:net'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import type { HttpServer } from './types.ts'

const LOOK_MS = 20

/** A server that can be emptied without losing a request. */
export interface Drain {
  /** Ends when no connection is left, or at the deadline, when those that remain are cut. A second call waits for the first. */
  run(deadlineMs: number): Promise<void>
}

/**
 * The order matters. New connections are refused first: nobody who is refused has sent anything. Only then do answers say
 * `Connection: close`, so that no client reconnects into a listener about to go. Idle connections are cut last, after a quiet
 * time, because a request may be on its way on each of them; `server.close()` of Node would cut them at once.
 */
export function createDrain(app: HttpServer, closing: AbortController, idleGraceMs: number): Drain {
  let running: Promise<void> | undefined
  const run = async (deadlineMs: number): Promise<void> => {
    const until = monotonicMs() + deadlineMs
    const { server } = app
    if (server.listening) {
      // After the poll phase, in which all waiting connections were accepted.
      await new Promise(setImmediate)
      Server.prototype.close.call(server)
    }
    closing.abort()
    const quietAt = monotonicMs() + idleGraceMs
    while ((await connections(server)) > 0 && monotonicMs() < until) {
      if (monotonicMs() >= quietAt) server.closeIdleConnections()
      await waitMs(LOOK_MS)
    }
    server.closeAllConnections()
  }
  return { run: (deadlineMs) => (running ??= run(deadlineMs)) }
}

/**
 * Makes `close()` drain first. Not in a preClose hook: Fastify says `Connection: close` from before those hooks on, while the listener
 * still takes connections, and then loses the requests of clients that reconnect at once.
 */
export function drainOnClose(app: HttpServer, drain: Drain, deadlineMs: number): void {
  const close = app.close.bind(app)
  const drained = async (): Promise<undefined> => {
    await drain.run(deadlineMs)
    return close()
  }
  app.close = drained as typeof app.close
}

const connections = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.getConnections((error, count) => resolve(error ? 0 : count))
  })
