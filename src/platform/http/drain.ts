import { Server } from 'node:net'
import { monotonicMs, waitMs } from '../clock.ts'
import type { HttpServer } from './types.ts'

/** A keep-alive connection quiet for so long has no request on its way to us. */
const QUIET_MS = 500
const LOOK_MS = 20

/** A server that can be emptied without losing a request. */
export interface Drain {
  readonly closing: AbortSignal
  /** Ends when no connection is left, or at the deadline, when those that remain are cut. A second call waits for the first. */
  run(deadlineMs: number): Promise<void>
}

/**
 * The order matters. New connections are refused first: nobody who is refused has sent anything. Only then do answers say
 * `Connection: close`, so that no client reconnects into a listener about to go. Idle connections are cut last, after a quiet
 * time, because a request may be on its way on each of them; `server.close()` of Node would cut them at once.
 */
export function createDrain(app: HttpServer): Drain {
  const closing = new AbortController()
  let running: Promise<void> | undefined
  const run = async (deadlineMs: number): Promise<void> => {
    const until = monotonicMs() + deadlineMs
    closing.abort()
    const { server } = app
    if (!server.listening) return
    // After the poll phase, in which all waiting connections were accepted.
    await new Promise(setImmediate)
    Server.prototype.close.call(server)
    const quietAt = monotonicMs() + QUIET_MS
    while ((await connections(server)) > 0 && monotonicMs() < until) {
      await waitMs(LOOK_MS)
      if (monotonicMs() >= quietAt) server.closeIdleConnections()
    }
    server.closeAllConnections()
  }
  return { closing: closing.signal, run: (deadlineMs) => (running ??= run(deadlineMs)) }
}

const connections = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.getConnections((error, count) => resolve(error ? 0 : count))
  })
