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

/** Marks a route that accepts keys of one store. Other routes refuse them, because such a key must not see the merchant's other data. */
export interface KeyPolicy {
  readonly stores: boolean
}
export const ALLOW_STORE_KEYS: KeyPolicy = { stores: true }

export interface Access {
  /** Returns a hook that admits only callers with this scope. It runs before the body is parsed, so unauthenticated bodies cost nothing. */
  require(scope: Scope, policy?: KeyPolicy): (request: Request, reply: Reply) => Promise<void>
  /** Returns the caller that the hook authenticated. */
  callerOf(request: Request): Caller
}

const KEY_WINDOW_MS = 60_000
/**
 * Maximum failed authentications of one address. Beyond it, only keys that were valid before are looked up. Keys have 192 random bits, so
 * guessing is hopeless: the limit only protects the database and the log. Shops behind one proxy or NAT must not lock each other out.
 */
const REFUSED_PER_ADDRESS = { points: 100, windowMs: 15 * 60_000 }
/** Interval after which one more key is looked up, because a new key from a blocked address should not wait for the whole window. */
const STOPPED_MS = 60_000
const STOPPED_MAX = 10_000
const PROVEN_MAX = 10_000

/** Returns the actor for the audit log. */
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
  new AppError('forbidden', 403, 'This API key is limited to one store. Use a key of the merchant.')

interface Guard {
  /** Returns the whole seconds for which this key is not looked up; 0 if it may be. */
  stoppedSeconds(address: string, authorization: string | undefined): number
  stop(address: string): void
  /** Remembers a valid key, which is then looked up from blocked addresses too. */
  prove(authorization: string | undefined): void
}

/** Keeps its state in this process: it costs no query, and starts empty after a restart. */
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
  if (seconds > 0) throw tooManyInvalidKeys(seconds)
  try {
    const caller = await deps.identity.authenticate(authorization)
    guard.prove(authorization)
    return caller
  } catch (error) {
    if (error instanceof AppError && error.status === 401) await countRefusal(deps, guard, request, error)
    throw error
  }
}

const tooManyInvalidKeys = (retryAfterSeconds: number): AppError => {
  const said = `Too many requests with an invalid key: wait ${retryAfterSeconds} s. Keys that were valid before still work.`
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
  // Further refusals appear only in the request log.
  if (ok && remaining === 0) log.warn({ securityEvent: 'authentication-blocked', ...about }, 'security event')
  if (ok && remaining > 0) return
  guard.stop(toAddressKey(request.ip))
  if (!ok) throw tooManyInvalidKeys(STOPPED_MS / 1000)
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
