import { hash as digest } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Caller, Identity, Scope } from '#identity'
import { monotonicMs } from '#platform/base/clock'
import { AppError, invariant } from '#platform/base/errors'
import type { Reply, Request } from '#platform/web/http'
import { toAddressKey, type Limits } from '#platform/web/limits'
import type { Log } from '#platform/observe/log'
import type { Actor } from '#platform/runtime/module'
import type { GatewayConfig } from '../../config.ts'

export interface AccessDeps {
  readonly identity: Identity
  readonly limits: Limits
  readonly log: Log
  readonly config: () => GatewayConfig
}

/** Whether a route knows stores. Those that do not refuse the keys of one store, which must not see what is the merchant's. */
export interface KeyPolicy {
  readonly stores: boolean
}
export const ALLOW_STORE_KEYS: KeyPolicy = { stores: true }

export interface Access {
  /** A hook that lets in only callers with this scope. It runs before the body is read: a stranger's is not worth reading. */
  require(scope: Scope, policy?: KeyPolicy): (request: Request, reply: Reply) => Promise<void>
  /** Whom the hook let in. */
  callerOf(request: Request): Caller
}

const KEY_WINDOW_MS = 60_000
/**
 * Failed sign-ins of one address. Beyond them only keys that were let in before are looked up: keys have 192 random bits, so guessing is
 * hopeless and this only spares the database and the log, while shops behind one proxy or NAT must not lock each other out.
 */
const REFUSED_PER_ADDRESS = { points: 100, windowMs: 15 * 60_000 }
/** Then one try is looked up again, so that a new key behind a stopped address does not wait for the whole window. */
const STOPPED_MS = 60_000
const STOPPED_MAX = 10_000
const PROVEN_MAX = 10_000

/** Who is named in the audit log. */
export const actorOf = ({ access }: { readonly access: Access }, request: Request): Actor => ({
  type: 'key',
  id: access.callerOf(request).keyId,
})

export function createAccess(deps: AccessDeps): Access {
  const callers = new WeakMap<Request, Caller>()
  const guard = createGuard()
  return {
    require: (scope, policy) => async (request, reply) => {
      const caller = await authenticate(deps, guard, request)
      await countRequest(deps, caller, reply)
      requireScope(deps, caller, scope, request)
      if (caller.storeId !== undefined && !policy?.stores) throw merchantKeyRequired()
      callers.set(request, caller)
    },
    callerOf: (request) => {
      const caller = callers.get(request)
      invariant(caller, 'a route that asks for its caller has the access hook')
      return caller
    },
  }
}

export const merchantKeyRequired = (): AppError =>
  new AppError('forbidden', 403, 'This API key acts for one store. Use one of the merchant for this.')

interface Guard {
  /** Whole seconds for which this is not looked up; 0 when it may be. */
  stoppedSeconds(address: string, authorization: string | undefined): number
  stop(address: string): void
  /** It was let in, and will be looked up from stopped addresses too. */
  prove(authorization: string | undefined): void
}

/** Of this process: it costs a request nothing, and after a restart it is learned anew. */
function createGuard(): Guard {
  const stopped = new LRUCache<string, number>({ max: STOPPED_MAX, ttl: STOPPED_MS })
  const proven = new LRUCache<string, true>({ max: PROVEN_MAX })
  const nameOf = (authorization = ''): string => digest('sha256', authorization)
  return {
    stoppedSeconds: (address, authorization) => {
      const until = stopped.get(address)
      if (until === undefined || proven.has(nameOf(authorization))) return 0
      return Math.max(1, Math.ceil((until - monotonicMs()) / 1000))
    },
    stop: (address) => void stopped.set(address, monotonicMs() + STOPPED_MS),
    prove: (authorization) => void proven.set(nameOf(authorization), true),
  }
}

async function authenticate(deps: AccessDeps, guard: Guard, request: Request): Promise<Caller> {
  const { authorization } = request.headers
  const seconds = guard.stoppedSeconds(toAddressKey(request.ip), authorization)
  if (seconds > 0) throw tooManyWrong(seconds)
  try {
    const caller = await deps.identity.authenticate(authorization)
    guard.prove(authorization)
    return caller
  } catch (error) {
    if (error instanceof AppError && error.status === 401) await countRefusal(deps, guard, request, error)
    throw error
  }
}

const tooManyWrong = (retryAfterSeconds: number): AppError => {
  const said = `Too many requests with a key that is not valid: wait ${retryAfterSeconds} s. Keys that worked before go on working.`
  return new AppError('rate-limited', 429, said, { retryAfterSeconds })
}

async function countRefusal(
  { limits, log }: AccessDeps,
  guard: Guard,
  request: Request,
  { message: why }: AppError,
): Promise<void> {
  const { ok, remaining } = await limits.take('suspicious_ip', toAddressKey(request.ip), REFUSED_PER_ADDRESS)
  const about = { address: request.ip, route: request.routeOptions.url, requestId: request.id }
  if (ok) log.warn({ securityEvent: 'authentication-failed', ...about, why }, 'security event')
  // Those that follow leave one line each in the request log, no more.
  if (ok && remaining === 0) log.warn({ securityEvent: 'authentication-blocked', ...about }, 'security event')
  if (ok && remaining > 0) return
  guard.stop(toAddressKey(request.ip))
  if (!ok) throw tooManyWrong(STOPPED_MS / 1000)
}

async function countRequest({ limits, config }: AccessDeps, { keyId }: Caller, reply: Reply): Promise<void> {
  const points = config().requestsPerMinute
  const { ok, remaining, resetSeconds } = await limits.take('api_key', keyId, { points, windowMs: KEY_WINDOW_MS })
  void reply.headers({ 'ratelimit-limit': points, 'ratelimit-remaining': remaining, 'ratelimit-reset': resetSeconds })
  if (ok) return
  const said = `This API key may make ${points} requests a minute: wait ${resetSeconds} s and try again.`
  throw new AppError('rate-limited', 429, said, { retryAfterSeconds: resetSeconds })
}

function requireScope({ identity, log }: AccessDeps, caller: Caller, scope: Scope, request: Request): void {
  try {
    identity.requireScope(caller, scope)
  } catch (error) {
    const about = { keyId: caller.keyId, scope, route: request.routeOptions.url, requestId: request.id }
    log.warn({ securityEvent: 'scope-missing', ...about }, 'security event')
    throw error
  }
}
