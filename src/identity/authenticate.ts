import { hash as digest } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { AppError } from '#platform/base/errors'
import { unauthorized } from './errors.ts'
import type { ApiKey, Caller, IdentityDeps, Scope } from './types.ts'
import { hashKey, keyPrefix } from './keys.ts'
import { readKeyByHash } from './store/keys.ts'

/** Maximum time that another instance may still accept a revoked key. */
export const CACHE_MS = 5_000
const KNOWN_MAX = 10_000
/** Unknown keys have a separate cache, so that a flood of invalid keys cannot evict valid ones. */
const UNKNOWN_MAX = 1_000

type Known = ApiKey & { readonly caller: Caller }

export interface Authenticator {
  authenticate(authorization: string | undefined): Promise<Caller>
  /** Clears the cache. Call it after keys change. */
  clear(): void
}

/** `onUse` is called for each authenticated request. */
export function createAuthenticator(deps: IdentityDeps, onUse: (keyId: string) => void): Authenticator {
  const { db, mode, masterKey, clock } = deps
  const time = { ttl: CACHE_MS, ttlResolution: 0, perf: { now: () => clock.now().getTime() } }
  const known = new LRUCache<string, Known>({ max: KNOWN_MAX, ...time })
  const unknown = new LRUCache<string, true>({ max: UNKNOWN_MAX, ...time })
  /** Database reads in progress: concurrent requests with the same key share one. */
  const asking = new Map<string, Promise<Known | undefined>>()
  const prefix = keyPrefix(mode)
  let changes = 0

  const ask = async (secret: string, hash: string): Promise<Known | undefined> => {
    const before = changes
    const hashes = masterKey.versions.map((version) => hashKey(masterKey, secret, version))
    const key = await readKeyByHash(db, hashes)
    const found = key && { ...key, caller: toCaller(key) }
    if (before !== changes) return found
    if (found) known.set(hash, found)
    else unknown.set(hash, true)
    return found
  }
  const find = (secret: string): Known | undefined | Promise<Known | undefined> => {
    // The cache key is a plain digest, not the secret itself. The stored keyed hash would also do, but costs ten times as much per request.
    const hash = digest('sha256', secret)
    const cached = known.get(hash)
    if (cached || unknown.get(hash)) return cached
    let asked = asking.get(hash)
    if (!asked) {
      asked = ask(secret, hash).finally(() => asking.delete(hash))
      asking.set(hash, asked)
    }
    return asked
  }

  return {
    authenticate: async (authorization) => {
      const key = await find(parseKey(authorization, prefix))
      if (!key) throw unauthorized('This API key is not valid. Check that it was copied completely.')
      if (key.revokedAt) throw unauthorized('This API key was revoked. Use another one.')
      if (key.expiresAt && key.expiresAt <= clock.now())
        throw unauthorized('This API key has expired. Use another one.')
      onUse(key.id)
      return key.caller
    },
    clear: () => {
      changes++
      known.clear()
      unknown.clear()
      asking.clear()
    },
  }
}

const toCaller = (key: ApiKey): Caller =>
  Object.freeze({
    merchantId: key.merchantId,
    storeId: key.storeId,
    keyId: key.id,
    scopes: new Set(key.scopes),
    livemode: key.livemode,
  })

const BEARER = /^Bearer +(\S{1,300})$/i
const KINDS: Readonly<Record<string, string>> = { sk_live_: 'live mode', sk_test_: 'test data' }

function parseKey(authorization: string | undefined, prefix: string): string {
  if (authorization === undefined)
    throw unauthorized(`Send your API key in the header: Authorization: Bearer ${prefix}…`)
  const secret = BEARER.exec(authorization)?.[1]
  if (secret === undefined) throw unauthorized(`The Authorization header must read: Bearer ${prefix}…`)
  if (secret.startsWith(prefix)) return secret
  const kind = KINDS[secret.slice(0, prefix.length)]
  if (kind === undefined) throw unauthorized(`An API key begins with ${prefix}`)
  throw unauthorized(`This is a key for ${kind}, and this server takes only keys that begin with ${prefix}`)
}

export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.scopes.has(scope)) return
  throw new AppError('forbidden', 403, `This API key lacks the scope ${scope}. Use one that has it.`)
}
