import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent, type Dispatcher } from 'undici'
import { monotonicMs } from '../../base/clock.ts'
import type { Mode } from '../../environment/config.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { refusalOf, isLoopbackUrl, publicOnly } from './addresses.ts'
import { FetchError } from './errors.ts'
import { exchange, type FetchAnswer, type FetchRequest } from './exchange.ts'

export interface Fetch {
  /**
   * Sends a request to a URL from code or configuration. Makes one attempt and follows no redirects. Returns a response with any HTTP
   * status. Throws FetchError, whose `maybeSent` says whether the other side may have acted.
   */
  (request: FetchRequest): Promise<FetchAnswer>
  /**
   * Sends a request to a URL from a merchant or other third party: https only in live mode, public addresses only, checked at connect
   * time. Throws `fetch.forbidden-address` for a refused URL and `fetch.unreachable` for an unknown host name.
   */
  untrusted(request: FetchRequest): Promise<FetchAnswer>
  /** Returns why `untrusted` would refuse this URL, as the end of a sentence. Resolves no host name. For forms where a user enters a URL. */
  refusalOf(url: string): string | undefined
  /** Waits for calls in flight, then closes the connections. */
  close(): Promise<void>
}

export interface FetchDeps {
  log: Log
  metrics: Metrics
  mode: Mode
  /** Origins such as `http://127.0.0.1:3000` that `untrusted` may call at any address: Purser's simulators. */
  allowOrigins?: readonly string[]
  /** Allows `untrusted` to call loopback addresses and `localhost`. For the sandbox, where developers run their shop on this machine. */
  allowLoopback?: boolean
  /** Resolves host names. Default: the resolver of the system. */
  lookup?: LookupFunction
}

const CONNECT_MS = 10_000
const CONNECTIONS = 100

export function createFetch(deps: FetchDeps): Fetch {
  const { log, metrics, mode, allowOrigins = [], allowLoopback = false, lookup = systemLookup } = deps
  const trusted = openAgent(lookup)
  const restricted = openAgent(publicOnly(lookup))
  const exempt = new Set(allowOrigins.map((origin) => new URL(origin).origin))
  const record = createRecord(log, metrics)

  const send = async (dispatcher: Dispatcher, request: FetchRequest, url: URL): Promise<FetchAnswer> => {
    const from = monotonicMs()
    try {
      const answer = await exchange(dispatcher, request, url)
      record(request, url, from, { status: answer.status, bytes: answer.body.length })
      return answer
    } catch (error) {
      if (error instanceof FetchError) record(request, url, from, { code: error.code })
      throw error
    }
  }
  const isExempt = (url: URL): boolean => exempt.has(url.origin) || (allowLoopback && isLoopbackUrl(url))
  const check = (text: string): string | undefined => {
    if (!URL.canParse(text)) return 'is not a valid URL'
    const url = new URL(text)
    return isExempt(url) ? undefined : refusalOf(url, mode === 'live')
  }
  const untrusted: Fetch['untrusted'] = async (request) => {
    const refusal = check(request.url)
    if (refusal !== undefined)
      throw new FetchError('fetch.forbidden-address', `${request.label}: the URL ${refusal}.`, false)
    const url = new URL(request.url)
    return send(isExempt(url) ? trusted : restricted, request, url)
  }
  return Object.assign((request: FetchRequest) => send(trusted, request, new URL(request.url)), {
    untrusted,
    refusalOf: check,
    close: async () => {
      await Promise.all([trusted.close(), restricted.close()])
    },
  })
}

/** Creates an agent without redirects and retries, one request at a time per connection. With HTTP/1.1 the connection shows what was sent. */
const openAgent = (lookup: LookupFunction): Agent =>
  new Agent({ pipelining: 1, connections: CONNECTIONS, allowH2: false, connect: { timeout: CONNECT_MS, lookup } })

interface Outcome {
  status?: number
  bytes?: number
  code?: string
}

function createRecord(
  log: Log,
  metrics: Metrics,
): (request: FetchRequest, url: URL, fromMs: number, outcome: Outcome) => void {
  const histogram = metrics.histogram('fetch_duration_seconds', 'Duration of outgoing calls, by label and result', [
    'label',
    'result',
  ])
  return ({ label, method = 'GET' }, { origin }, fromMs, outcome) => {
    const ms = monotonicMs() - fromMs
    const result = outcome.code ?? `${Math.trunc((outcome.status ?? 0) / 100)}xx`
    histogram.observe({ label, result }, ms / 1000)
    log.debug({ label, method, origin, ms: Math.round(ms), ...outcome }, 'outgoing call')
  }
}
