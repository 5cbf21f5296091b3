import { OPERATIONS, type Iterators, type OperationRow, type Operations } from './api.ts'
import { ConnectionError, PurserError, readError } from './errors.ts'
import type { CallOptions } from './options.ts'

export interface Settings {
  /** `sk_test_…` or `sk_live_…` */
  readonly key: string
  /** Base URL of Purser: `https://pay.example.com`. */
  readonly url: string
  /** Maximum retries after no response, 408, 429 or 5xx. Default: 4. */
  readonly retries?: number
  /** Timeout of one attempt. Default: 30 s. */
  readonly timeoutMs?: number
  /** Maximum wait between two attempts. Default: 30 s. If the server requests a longer wait, the call fails. */
  readonly longestWaitMs?: number
  /** Replaces the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch
  /** Waits between two attempts. For tests. */
  readonly wait?: (ms: number, signal: AbortSignal | undefined) => Promise<void>
}

export interface Purser extends Operations {
  /** `for await (const payment of purser.each.listPayments({ status: 'paid' }))` */
  readonly each: Iterators
}

type Query = Readonly<Record<string, string | number | boolean | undefined>>

interface Call {
  readonly row: OperationRow
  readonly params: readonly string[]
  /** The body, or the query. */
  readonly given: unknown
  readonly options: CallOptions
}

const RETRIES = 4
const TIMEOUT_MS = 30_000
const LONGEST_WAIT_MS = 30_000
const FIRST_WAIT_MS = 500

/** Creates a client of the Purser API. It needs only `fetch`. Throws TypeError if `key` is not an API key. */
export function createPurser(settings: Settings): Purser {
  if (!/^sk_(test|live)_/.test(settings.key)) throw new TypeError('key must be an API key: sk_test_… or sk_live_…')
  const act = (row: OperationRow, given: readonly unknown[]): Promise<unknown> => send(settings, callOf(row, given))
  const rows = Object.entries(OPERATIONS) as [string, OperationRow][]
  const operations = rows.map(([name, row]) => [name, (...given: unknown[]) => act(row, given)])
  const each = rows.map(([name, row]) => [name, (...given: unknown[]) => iterate(settings, callOf(row, given))])
  return { ...Object.fromEntries(operations), each: Object.fromEntries(each) as Iterators } as Purser
}

/** Splits the arguments of an operation: the path parameters, then the body or the query, then the options. */
function callOf(row: OperationRow, given: readonly unknown[]): Call {
  const count = row.params.length
  const rest = row.takes === 'nothing' ? [undefined, ...given.slice(count)] : given.slice(count)
  return {
    row,
    params: given.slice(0, count).map(String),
    given: rest[0],
    options: (rest[1] as CallOptions | undefined) ?? {},
  }
}

interface Page {
  readonly data: readonly unknown[]
  readonly next_cursor: string | null
}

async function* iterate(settings: Settings, call: Call): AsyncGenerator {
  let cursor: string | undefined
  do {
    const query = { ...(call.given as Query | undefined), ...(cursor !== undefined && { cursor }) }
    const page = (await send(settings, { ...call, given: query })) as Page
    yield* page.data
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
}

/** Sends a request and retries it if that is safe, always with the same idempotency key. Throws PurserError, ConnectionError. */
async function send(settings: Settings, call: Call): Promise<unknown> {
  const { retries = RETRIES, longestWaitMs = LONGEST_WAIT_MS, wait = pause } = settings
  const { row, options } = call
  const key = row.keyed ? (options.idempotencyKey ?? crypto.randomUUID()) : undefined
  for (let tried = 0; ; tried++) {
    const failure = await trySending(settings, call, key)
    if (!(failure instanceof PurserError || failure instanceof ConnectionError)) return failure.value
    const waitMs = waitFor(failure, tried)
    if (tried >= retries || !mayRepeat(row, failure) || waitMs > longestWaitMs) throw failure
    await wait(waitMs, options.signal)
  }
}

type Tried = PurserError | ConnectionError | { readonly value: unknown }

async function trySending(settings: Settings, call: Call, key: string | undefined): Promise<Tried> {
  const { options, row } = call
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), options.timeoutMs ?? settings.timeoutMs ?? TIMEOUT_MS)
  const signal = options.signal ? AbortSignal.any([options.signal, late.signal]) : late.signal
  try {
    const request = { ...requestOf(settings, call, key), signal }
    const answer = await (settings.fetch ?? fetch)(urlOf(settings, call), request)
    if (!answer.ok) return await readError(answer)
    // The timeout covers only the start of a streamed response.
    return { value: row.answer === 'json' ? await answer.json() : answer }
  } catch (error) {
    options.signal?.throwIfAborted()
    const why = late.signal.aborted ? 'no response in time' : error instanceof Error ? error.message : String(error)
    return new ConnectionError(`${row.method} ${row.path}: ${why}`, key, error)
  } finally {
    clearTimeout(timer)
  }
}

function urlOf({ url }: Settings, { row, params, given }: Call): string {
  const path = row.params.reduce(
    (text, name, i) => text.replace(`{${name}}`, encodeURIComponent(params[i] ?? '')),
    row.path,
  )
  const query = row.takes === 'query' ? Object.entries((given as Query | undefined) ?? {}) : []
  const search = new URLSearchParams()
  for (const [name, value] of query) if (value !== undefined) search.set(name, String(value))
  return url.replace(/\/+$/, '') + path + (search.size > 0 ? `?${search.toString()}` : '')
}

function requestOf({ key: secret }: Settings, { row, given }: Call, key: string | undefined): RequestInit {
  const hasBody = row.takes === 'body' && given !== undefined
  return {
    method: row.method,
    // A redirect would send the API key to another server.
    redirect: 'error',
    headers: {
      authorization: `Bearer ${secret}`,
      ...(key !== undefined && { 'idempotency-key': key }),
      ...(hasBody && { 'content-type': 'application/json' }),
    },
    ...(hasBody && { body: JSON.stringify(given) }),
  }
}

/** Returns whether a retry is safe and may succeed. */
function mayRepeat({ method, keyed }: OperationRow, failure: PurserError | ConnectionError): boolean {
  const isSafe = keyed || method !== 'POST'
  if (failure instanceof ConnectionError) return isSafe
  // 429 means that the server did nothing. A 503 may follow after the server did the work.
  if (failure.status === 429) return true
  return isSafe && (failure.status >= 500 || failure.status === 408 || failure.code === 'idempotency-in-progress')
}

/** Returns the wait that the server requests, else an exponential backoff with jitter, so that many clients do not retry at once. */
function waitFor(failure: PurserError | ConnectionError, tried: number): number {
  const usual = FIRST_WAIT_MS * 2 ** tried
  const asked = failure instanceof PurserError ? failure.retryAfterSeconds : undefined
  return asked === undefined ? usual * (0.5 + Math.random() / 2) : asked * 1000
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      reject(signal?.reason as Error)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    if (signal?.aborted) stop()
    else signal?.addEventListener('abort', stop, { once: true })
  })
}
