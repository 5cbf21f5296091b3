import type { Caller, Identity, Scope } from '#identity'
import { AppError, invariant } from '#platform/errors'
import type { Reply, Request } from '#platform/http'
import { addressKey, type Limits } from '#platform/limits'
import type { Log } from '#platform/log'
import type { GatewayConfig } from '../config.ts'

export interface AccessDeps {
  readonly identity: Identity
  readonly limits: Limits
  readonly log: Log
  readonly config: () => GatewayConfig
}

export interface Access {
  /** A hook that lets in only callers with this scope. It runs before the body is read: a stranger's is not worth reading. */
  require(scope: Scope): (request: Request, reply: Reply) => Promise<void>
  /** Whom the hook let in. */
  callerOf(request: Request): Caller
}

const KEY_WINDOW_MS = 60_000
/**
 * Failed sign-ins of one address. A key that is right is let in even then: keys have 192 random bits, so guessing is hopeless and this
 * only spares the database and the log, while shops behind one proxy or NAT must not lock each other out.
 */
const REFUSED_PER_ADDRESS = { points: 100, windowMs: 15 * 60_000 }

export function createAccess(deps: AccessDeps): Access {
  const callers = new WeakMap<Request, Caller>()
  return {
    require: (scope) => async (request, reply) => {
      const caller = await authenticate(deps, request)
      await countRequest(deps, caller, reply)
      requireScope(deps, caller, scope, request)
      callers.set(request, caller)
    },
    callerOf: (request) => {
      const caller = callers.get(request)
      invariant(caller, 'a route that asks for its caller has the access hook')
      return caller
    },
  }
}

async function authenticate(deps: AccessDeps, request: Request): Promise<Caller> {
  try {
    return await deps.identity.authenticate(request.headers.authorization)
  } catch (error) {
    if (error instanceof AppError && error.status === 401) await countRefusal(deps, request, error)
    throw error
  }
}

async function countRefusal({ limits, log }: AccessDeps, request: Request, { message: why }: AppError): Promise<void> {
  const { ok, remaining, retryAfterSeconds } = await limits.take(
    'api_refused',
    addressKey(request.ip),
    REFUSED_PER_ADDRESS,
  )
  const about = { address: request.ip, route: request.routeOptions.url, requestId: request.id }
  if (ok) log.warn({ securityEvent: 'authentication-failed', ...about, why }, 'security event')
  // Those that follow leave one line each in the request log, no more.
  if (ok && remaining === 0) log.warn({ securityEvent: 'authentication-blocked', ...about }, 'security event')
  if (!ok) {
    const said = `Too many requests with a key that is not valid: wait ${retryAfterSeconds} s. A valid key works at once.`
    throw new AppError('rate-limited', 429, said, { retryAfterSeconds })
  }
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
