import { connect, type Socket } from 'node:net'
import { waitMs } from '#platform/base/clock'

export interface SequenceEvent {
  readonly kind: 'added' | 'removed' | 'connected' | 'disconnected'
  /** Hash of the transaction or the block. */
  readonly hash: string
}

export interface SequenceHandlers {
  event(event: SequenceEvent): void
  /** Reports that events may have been missed: after each connection, a second later, and at each gap in the counter. Poll the node. */
  missed(): void
}

const KINDS: Readonly<Record<string, SequenceEvent['kind']>> = {
  A: 'added',
  R: 'removed',
  C: 'connected',
  D: 'disconnected',
}
const TOPIC = 'sequence'
const SHORTEST_WAIT_MS = 500
const LONGEST_WAIT_MS = 30_000
/** A publisher does not confirm a subscription, so events of this interval may be missed. */
const SUBSCRIBING_MS = 1000
/** Silence after which a connection without a handshake, and one with a subscription, is replaced: its node may be frozen. */
const HANDSHAKE_MS = 10_000
const QUIET_MS = 10 * 60_000
/** Maximum frame size. An event has about fifty bytes. */
const MAX_FRAME = 64 * 1024

/** Follows a node's `zmqpubsequence` until the signal aborts, and reconnects with backoff. The events are hints: the node itself has the facts. */
export async function followSequence(address: string, handlers: SequenceHandlers, signal: AbortSignal): Promise<void> {
  const { hostname, port } = new URL(address.replace(/^tcp:/, 'http:'))
  const host = hostname.replace(/^\[|\]$/g, '')
  for (let waitFor = SHORTEST_WAIT_MS; !signal.aborted; waitFor = Math.min(waitFor * 2, LONGEST_WAIT_MS)) {
    const socket = connect({ host, port: Number(port || 80), keepAlive: true, keepAliveInitialDelay: 10_000 })
    socket.setTimeout(HANDSHAKE_MS, () => socket.destroy())
    const connected = await read(socket, handlers, signal)
    if (connected) waitFor = SHORTEST_WAIT_MS
    await waitMs(waitFor, signal)
  }
}

/** Resolves when the connection ends; true if the handshake had succeeded. */
async function read(socket: Socket, handlers: SequenceHandlers, signal: AbortSignal): Promise<boolean> {
  const stop = (): void => void socket.destroy()
  signal.addEventListener('abort', stop)
  const session = createSession(handlers)
  let subscribed: NodeJS.Timeout | undefined
  try {
    socket.write(GREETING)
    for await (const chunk of socket) {
      for (const reply of session.take(chunk as Buffer)) socket.write(reply)
      if (!session.isReady() || subscribed) continue
      subscribed = setTimeout(handlers.missed, SUBSCRIBING_MS)
      socket.setTimeout(QUIET_MS)
    }
  } catch {
    // The next connection calls missed().
  } finally {
    clearTimeout(subscribed)
    signal.removeEventListener('abort', stop)
    socket.destroy()
  }
  return session.isReady()
}

/** ZMTP 3.0, no security (rfc.zeromq.org/spec/23). */
const GREETING = Buffer.alloc(64)
GREETING.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0])
GREETING.write('NULL', 12, 'latin1')
const frame = (flags: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([flags, body.length]), body])
const READY = frame(4, Buffer.from('\x05READY\x0bSocket-Type\0\0\0\x03SUB', 'latin1'))
const SUBSCRIBE = frame(0, Buffer.from(`\x01${TOPIC}`, 'latin1'))
const [MORE, LONG, COMMAND] = [1, 2, 4]

/** Parses the bytes of a publisher. Throws RangeError if they are not ZMTP 3. */
function createSession(handlers: SequenceHandlers): { take(chunk: Buffer): Buffer[]; isReady(): boolean } {
  let rest = Buffer.alloc(0)
  let greeted = false
  let ready = false
  let parts: Buffer[] = []
  let counter: number | undefined

  function message([topic, body, count]: Buffer[]): void {
    if (topic?.toString('latin1') !== TOPIC || !body || body.length < 33 || count?.length !== 4) return
    const number = count.readUInt32LE(0)
    if (counter !== undefined && number !== (counter + 1) % 2 ** 32) handlers.missed()
    counter = number
    const kind = KINDS[String.fromCharCode(body[32] ?? 0)]
    if (kind) handlers.event({ kind, hash: body.toString('hex', 0, 32) })
  }

  function next(): { flags: number; body: Buffer } | undefined {
    const flags = rest[0] ?? 0
    const head = flags & LONG ? 9 : 2
    if (rest.length < head) return undefined
    const size = flags & LONG ? Number(rest.readBigUInt64BE(1)) : (rest[1] ?? 0)
    if (size > MAX_FRAME) throw new RangeError('a frame that is too large')
    if (rest.length < head + size) return undefined
    const body = rest.subarray(head, head + size)
    rest = rest.subarray(head + size)
    return { flags, body }
  }

  return {
    isReady: () => ready,
    take: (chunk) => {
      const replies: Buffer[] = []
      rest = Buffer.concat([rest, chunk])
      if (!greeted) {
        if (rest.length < 64) return []
        if (rest[0] !== 0xff || rest[9] !== 0x7f || (rest[10] ?? 0) < 3) throw new RangeError('not ZMTP 3')
        rest = rest.subarray(64)
        greeted = true
        replies.push(READY)
      }
      for (let one = next(); one; one = next()) {
        if (one.flags & COMMAND) {
          if (one.body.toString('latin1', 1, 6) !== 'READY' || ready) continue
          ready = true
          replies.push(SUBSCRIBE)
          handlers.missed()
          continue
        }
        parts.push(one.body)
        if (one.flags & MORE) continue
        message(parts)
        parts = []
      }
      return replies
    },
  }
}
