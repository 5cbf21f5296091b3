import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Notice } from './chain.ts'

export interface Publisher {
  /** Returns the publisher's address. The first call starts to listen. */
  address(): Promise<string>
  publish(notices: readonly Notice[]): void
  /** Drops the next `count` events, as a full queue does. */
  skip(count: number): void
  close(): void
}

/** ZMTP 3.0 as a node's zmqpubsequence speaks it, for one topic. */
const GREETING = Buffer.alloc(64)
GREETING.set([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0])
GREETING.write('NULL', 12, 'latin1')
const READY = Buffer.from('\x04\x19\x05READY\x0bSocket-Type\0\0\0\x03PUB', 'latin1')
const SUBSCRIBE = Buffer.from('\x01sequence', 'latin1')

export function createPublisher(): Publisher {
  const subscribers = new Set<Socket>()
  const sockets = new Set<Socket>()
  let server: Server | undefined
  let counter = 0
  let mempoolSequence = 0n

  function serve(socket: Socket): void {
    sockets.add(socket)
    socket.unref()
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket) && subscribers.delete(socket))
    let seen: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      seen = Buffer.concat([seen, chunk]).subarray(-256)
      if (seen.includes(SUBSCRIBE)) subscribers.add(socket)
    })
    socket.write(Buffer.concat([GREETING, READY]))
  }

  function send({ kind, hash }: Notice): void {
    const parts: Buffer[] = [Buffer.from(hash, 'hex'), Buffer.from(kind)]
    if (kind === 'A' || kind === 'R') parts.push(littleEndian(mempoolSequence++, 8))
    const frames = [Buffer.from('sequence'), Buffer.concat(parts), littleEndian(BigInt(counter++), 4)]
    const message = frames.flatMap((body, i) => [Buffer.from([i < 2 ? 1 : 0, body.length]), body])
    for (const socket of subscribers) socket.write(Buffer.concat(message))
  }

  return {
    address: async () => {
      if (!server) {
        server = createServer(serve).unref()
        const listening = server
        await new Promise<void>((resolve, reject) =>
          listening.once('error', reject).listen(0, '127.0.0.1', () => resolve()),
        )
      }
      return `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`
    },
    publish: (notices) => notices.forEach(send),
    skip: (count) => void (counter += count),
    close: () => {
      server?.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

function littleEndian(value: bigint, bytes: 4 | 8): Buffer {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64LE(value)
  return buffer.subarray(0, bytes)
}
