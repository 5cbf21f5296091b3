import { Readable } from 'node:stream'
import { waitMs } from '#platform/base/clock'
import type { Reply } from '#platform/web/http'

export interface StreamOptions<T> {
  /** Yields the items; ends when the signal fires. */
  readonly follow: (signal: AbortSignal) => AsyncIterable<T>
  /** Returns id and text of one message. */
  readonly render: (item: T) => { readonly id: number; readonly text: string }
  /** Returns whether this is the last item. The stream then sends an end event, and the browser does not reconnect. */
  readonly isLast: (item: T) => boolean
  /** Milliseconds after which the same item renders differently and is sent again; zero or less: never. */
  readonly changesInMs?: (item: T) => number
  /** Heartbeat interval. Proxies cut idle connections. */
  readonly beatMs?: number
}

export interface SendOptions<T> extends StreamOptions<T> {
  /** Fires when the server drains. */
  readonly closing: AbortSignal
  /** Called when the stream has ended, whichever side ended it. */
  readonly onEnd: () => void
}

const BEAT_MS = 15_000
const BEAT = 'event: beat\ndata: 1\n\n'
const END = 'event: end\ndata: 1\n\n'

/**
 * Sends server-sent events until the browser disconnects, the server drains or the last item is sent. If `follow` fails at once, the error is
 * thrown before the response headers are sent, so it is an ordinary error response.
 */
export async function sendEvents<T>(reply: Reply, options: SendOptions<T>): Promise<Reply> {
  const left = new AbortController()
  const end = (): void => {
    left.abort()
    options.onEnd()
  }
  reply.raw.once('close', end)
  // No close event follows if the browser disconnected before this point.
  if (reply.raw.closed) end()
  const events = eventsOf(options, AbortSignal.any([left.signal, options.closing]))
  const first = await events.next()
  const all = async function* (): AsyncGenerator<string> {
    if (first.done) return
    yield first.value
    yield* events
  }
  return reply
    .header('cache-control', 'no-store')
    .header('x-accel-buffering', 'no')
    .type('text/event-stream')
    .send(Readable.from(all()))
}

async function* eventsOf<T>(
  { follow, render, isLast, changesInMs = () => 0, beatMs = BEAT_MS }: StreamOptions<T>,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  const iterator = follow(signal)[Symbol.asyncIterator]()
  const message = (item: T): string => {
    const { id, text } = render(item)
    return `id: ${id}\ndata: ${text.replaceAll('\n', '\ndata: ')}\n\n`
  }
  let next = iterator.next()
  let shown: { item: T; changes: boolean } | undefined
  try {
    for (;;) {
      const leftMs = shown?.changes ? Math.max(0, changesInMs(shown.item)) : beatMs
      const result = await firstOf(next, Math.min(beatMs, leftMs), signal)
      if (signal.aborted || result?.done) return
      if (!result) {
        const changed = shown?.changes && changesInMs(shown.item) <= 0 ? shown : undefined
        if (changed) changed.changes = false
        yield changed ? message(changed.item) : BEAT
        continue
      }
      shown = { item: result.value, changes: changesInMs(result.value) > 0 }
      yield message(result.value)
      if (isLast(result.value)) {
        yield END
        return
      }
      next = iterator.next()
    }
  } finally {
    // Do not await: the pending item may arrive only when the signal fires.
    void Promise.all([next, iterator.return?.()]).catch(() => undefined)
  }
}

/** Returns the result if it arrives in time; otherwise undefined. */
async function firstOf<T>(
  next: Promise<IteratorResult<T, unknown>>,
  ms: number,
  signal: AbortSignal,
): Promise<IteratorResult<T, unknown> | undefined> {
  const timer = new AbortController()
  try {
    return await Promise.race([next, waitMs(ms, AbortSignal.any([signal, timer.signal])).then(() => undefined)])
  } finally {
    timer.abort()
  }
}
