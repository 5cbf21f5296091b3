import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

/** A TCP proxy on loopback with faults, to put between Purser and a server such as PostgreSQL. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Open connections. */
  readonly connections: number
  /** Stops forwarding on all open connections, without closing them: a host that vanished. New connections work. */
  freeze(): void
  /** Forwards what the frozen connections held back, and continues. */
  thaw(): void
  /** Closes all open connections. */
  cut(): void
  /** Closes every new connection until `accept`. */
  refuse(): void
  accept(): void
  /** Sends new connections to another server. */
  retarget(target: ProxyTarget): void
  /**
   * Freezes a connection before the first answer of the server that `matches` accepts. Resolves when that happened. The answer is
   * held back until `thaw`. `matches` receives the bytes as latin1 text.
   */
  freezeOn(matches: (text: string, exchange: Exchange) => boolean): Promise<void>
}

/** Connection and request that an answer belongs to. */
export interface Exchange {
  /** Number of the connection. */
  readonly connection: number
  /** Bytes that the client sent since the last answer, as latin1 text. */
  readonly request: string
}

/** A port on loopback, or the path of a unix socket. */
export type ProxyTarget = { readonly port: number } | { readonly path: string }

interface Pair {
  readonly number: number
  request: string
  readonly client: Socket
  readonly server: Socket
  frozen: boolean
  /** Chunks that were held back, in order of arrival. */
  readonly held: { readonly to: Socket; readonly chunk: Buffer }[]
}

/** Opens a proxy to a server. */
export async function openTcpProxy(to: ProxyTarget): Promise<TcpProxy> {
  const pairs = new Set<Pair>()
  let target = to
  let refusing = false
  let count = 0
  let trap: { matches: (text: string, exchange: Exchange) => boolean; sprung: () => void } | undefined

  const forward = (pair: Pair, from: Socket, onto: Socket): void => {
    from.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1')
      if (from === pair.client) pair.request += text
      else {
        if (trap?.matches(text, { connection: pair.number, request: pair.request })) {
          pair.frozen = true
          trap.sprung()
          trap = undefined
        }
        pair.request = ''
      }
      if (pair.frozen) pair.held.push({ to: onto, chunk })
      else if (onto.writable) onto.write(chunk)
    })
  }
  const drop = (pair: Pair): void => {
    pairs.delete(pair)
    pair.client.destroy()
    pair.server.destroy()
  }
  const listener = createServer((client) => {
    if (refusing) return void client.destroy()
    const pair: Pair = { number: ++count, request: '', client, server: connect(target), frozen: false, held: [] }
    pairs.add(pair)
    for (const socket of [pair.client, pair.server]) {
      socket.setNoDelay(true)
      socket.on('error', () => undefined)
      // A frozen pair stays as it is: the other side must not learn of the end.
      socket.on('close', () => pair.frozen || drop(pair))
    }
    forward(pair, pair.client, pair.server)
    forward(pair, pair.server, pair.client)
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))

  const cut = (): void => {
    // No `resetAndDestroy`: with Node 24.21 a process that used it sometimes never ends (libuv spins on its list of closing handles).
    for (const pair of pairs) drop(pair)
  }
  return {
    port: (listener.address() as AddressInfo).port,
    get connections() {
      return pairs.size
    },
    freeze: () => {
      for (const pair of pairs) pair.frozen = true
    },
    thaw: () => {
      for (const pair of pairs) {
        pair.frozen = false
        for (const { to: onto, chunk } of pair.held.splice(0)) if (onto.writable) onto.write(chunk)
        if (pair.client.destroyed || pair.server.destroyed) drop(pair)
      }
    },
    cut,
    refuse: () => void (refusing = true),
    accept: () => void (refusing = false),
    retarget: (next) => void (target = next),
    freezeOn: (matches) =>
      new Promise<void>((sprung) => {
        trap = { matches, sprung }
      }),
    [Symbol.asyncDispose]: async () => {
      cut()
      await new Promise((resolve) => listener.close(resolve))
    },
  }
}
