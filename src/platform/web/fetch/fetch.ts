import { lookup as systemLookup } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent, type Dispatcher } from 'undici'
import { monotonicMs } from '../../base/clock.ts'
import type { Mode } from '../../environment/config.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { isLoopbackUrl, publicOnly, refusalOf } from './addresses.ts'
import { FetchError } from './errors.ts'
import { exchange, type FetchAnswer, type FetchRequest } from './exchange.ts'

export interface Fetch {
  /**
   * Sends a request to an address of our own choosing. One try, no redirects. Throws FetchError, whose `maybeSent` says whether the
   * other side may have acted; any HTTP status is an answer.
   */
  (request: FetchRequest): Promise<FetchAnswer>
  /**
   * For URLs given by others: https only in live mode, public addresses only, decided when connecting. Refusals are
   * `fetch.forbidden-address`, or `fetch.unreachable` for a name that does not exist.
   */
  untrusted(request: FetchRequest): Promise<FetchAnswer>
  /** Why `untrusted` would refuse this URL whatever its name leads to, as the end of a sentence; for whoever enters one. */
  refusalOf(url: string): string | undefined
  /** Waits for exchanges under way, then closes the connections. */
  close(): Promise<void>
}

export interface FetchDeps {
  log: Log
  metrics: Metrics
  mode: Mode
  /** Origins (`http://127.0.0.1:3000`) that `untrusted` may call whatever their address: our own simulators. */
  allowOrigins?: readonly string[]
  /** `untrusted` may call this machine by its loopback addresses and `localhost`: for the sandbox, where shops are tried out beside it. */
  allowLoopback?: boolean
  /** How names become addresses; the system's way by default. */
  lookup?: LookupFunction
}

const CONNECT_MS = 10_000
const CONNECTIONS = 100

export function createFetch(deps: FetchDeps): Fetch {
  const { log, metrics, mode, allowOrigins = [], allowLoopback = false, lookup = systemLookup } = deps
  const trusted = openAgent(lookup)
  const careful = openAgent(publicOnly(lookup))
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
    return send(isExempt(url) ? trusted : careful, request, url)
  }
  return Object.assign((request: FetchRequest) => send(trusted, request, new URL(request.url)), {
    untrusted,
    refusalOf: check,
    close: async () => {
      await Promise.all([trusted.close(), careful.close()])
    },
  })
}

/** Follows no redirects, repeats nothing, one request at a time on a connection. HTTP/1.1: what was sent can be told by the connection. */
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
  const histogram = metrics.histogram('fetch_duration_seconds', 'Time of outward calls, by label and result', [
    'label',
    'result',
  ])
  return ({ label, method = 'GET' }, { origin }, fromMs, outcome) => {
    const ms = monotonicMs() - fromMs
    const result = outcome.code ?? `${Math.trunc((outcome.status ?? 0) / 100)}xx`
    histogram.observe({ label, result }, ms / 1000)
    log.debug({ label, method, origin, ms: Math.round(ms), ...outcome }, 'outward call')
  }
}
