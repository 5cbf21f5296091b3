import { Readable } from 'node:stream'
import { waitMs } from '#platform/base/clock'
import type { Reply } from '#platform/web/http'

export interface StreamOptions<T> {
  /** What is told; ends when the signal fires. */
  readonly follow: (signal: AbortSignal) => AsyncIterable<T>
  /** Of one message. */
  readonly render: (item: T) => { readonly id: number; readonly text: string }
  /** Whether nothing will come after it: the stream says so and ends, and the browser does not come again. */
  readonly isLast: (item: T) => boolean
  /** After so long the same item looks different and is sent again; in the past: not any more. */
  readonly changesInMs?: (item: T) => number
  /** Something is sent so often in quiet times, because proxies cut connections that say nothing. */
  readonly beatMs?: number
}

export interface SendOptions<T> extends StreamOptions<T> {
  /** Fires when the server drains. */
  readonly closing: AbortSignal
  /** When the stream has ended, whoever ended it. */
  readonly onEnd: () => void
}

const BEAT_MS = 15_000
const BEAT = 'event: beat\ndata: 1\n\n'
const END = 'event: end\ndata: 1\n\n'

/**
 * Sends server-sent events until the browser leaves, the server drains or nothing more can come. A refusal to follow at all is thrown
 * before the head of the answer is sent, so it is an answer of its own.
 */
export async function sendEvents<T>(reply: Reply, options: SendOptions<T>): Promise<Reply> {
  const left = new AbortController()
  const end = (): void => {
    left.abort()
    options.onEnd()
  }
  reply.raw.once('close', end)
  // Whoever left while the route still looked for what to follow is not told of again.
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
    // Not waited for: what is asked for now may come only when the signal fires.
    void Promise.all([next, iterator.return?.()]).catch(() => undefined)
  }
}

/** What comes within the time; undefined when nothing did. */
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
