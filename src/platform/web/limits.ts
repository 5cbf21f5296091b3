import { createClient, type RedisClientType } from '@redis/client'
import ipaddr from 'ipaddr.js'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible'
import { monotonicMs } from '../base/clock.ts'
import { AppError, describeError } from '../base/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Secret } from '../base/secrets.ts'

export interface LimitRule {
  /** Maximum calls per window. */
  points: number
  windowMs: number
}

export interface LimitAnswer {
  ok: boolean
  /** Whole seconds until the next allowed call. 0 when this call is allowed. */
  retryAfterSeconds: number
  /** Points left in the window. */
  remaining: number
  /** Whole seconds until the window ends and all points are available again. */
  resetSeconds: number
}

/** Rate limits. Their keys in Redis are `rate_limit:<name>:<key>`. */
export interface Limits {
  /** Consumes one point of `key`. Not ok when the window has no points left. A window starts with its first call. */
  take(name: string, key: string, rule: LimitRule): Promise<LimitAnswer>
  /** Consumes one point, or throws 429 `rate-limited` with Retry-After. */
  require(name: string, key: string, rule: LimitRule): Promise<void>
  /** Milliseconds since Redis is unreachable. Undefined while it is reachable, or without Redis. */
  redisAwayMs(): number | undefined
  close(): void
}

const REDIS = { useRedisPackage: true, rejectIfRedisNotReady: true }
const CONNECT_MS = 2_000
const MAX_RECONNECT_MS = 5_000

interface Redis {
  readonly client: RedisClientType
  awayMs(): number | undefined
}

/** Connects to Redis in the background and reconnects after a lost connection. No caller waits for the connection. */
function openRedis(url: Secret, log: Log): Redis {
  const client: RedisClientType = createClient({
    url: url.reveal(),
    disableOfflineQueue: true,
    commandsQueueMaxLength: 1_000,
    socket: {
      connectTimeout: CONNECT_MS,
      socketTimeout: CONNECT_MS,
      reconnectStrategy: (retries) => Math.min(100 * (retries + 1), MAX_RECONNECT_MS),
    },
    pingInterval: 1_000,
  })
  // Until the first connection Redis counts as unreachable.
  let awaySinceMs: number | undefined = monotonicMs()
  let unreachable = false
  client.on('error', (error: Error) => {
    if (!unreachable)
      log.warn({ why: describeError(error) }, 'redis is unreachable: this process counts rate limits alone')
    unreachable = true
    awaySinceMs ??= monotonicMs()
  })
  client.on('ready', () => {
    if (unreachable) log.info('redis is reachable: rate limits are shared again')
    unreachable = false
    awaySinceMs = undefined
  })
  // connect() rejects only after destroy(). The error listener above logs other errors.
  client.connect().catch(() => undefined)
  return { client, awayMs: () => (awaySinceMs === undefined ? undefined : monotonicMs() - awaySinceMs) }
}

export interface LimitsDeps {
  /** Redis or Valkey that all web instances share. Without it each process counts alone. */
  redisUrl?: Secret | undefined
  log: Log
}

/** Creates the rate limits. They use the system time, because the library accepts no other clock. */
export function createLimits({ redisUrl, log }: LimitsDeps): Limits {
  const redis = redisUrl && openRedis(redisUrl, log)
  const limiters = new Map<string, RateLimiterAbstract>()
  const limiterOf = (name: string, { points, windowMs }: LimitRule): RateLimiterAbstract => {
    const id = `${name} ${points} ${windowMs}`
    let limiter = limiters.get(id)
    if (!limiter) {
      const rule = { keyPrefix: `rate_limit:${name}`, points, duration: windowMs / 1000 }
      const local = new RateLimiterMemory(rule)
      // While Redis is unreachable each process counts alone.
      limiter = redis
        ? new RateLimiterRedis({ ...rule, ...REDIS, storeClient: redis.client, insuranceLimiter: local })
        : local
      limiters.set(id, limiter)
    }
    return limiter
  }
  const take: Limits['take'] = async (name, key, rule) => {
    try {
      const { remainingPoints: remaining, msBeforeNext } = await limiterOf(name, rule).consume(key)
      return { ok: true, retryAfterSeconds: 0, remaining, resetSeconds: toSeconds(msBeforeNext) }
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused
      const seconds = toSeconds(refused.msBeforeNext)
      return { ok: false, retryAfterSeconds: seconds, remaining: 0, resetSeconds: seconds }
    }
  }
  return {
    take,
    require: async (name, key, rule) => {
      const { ok, retryAfterSeconds } = await take(name, key, rule)
      if (!ok) throw tooMany(retryAfterSeconds)
    },
    redisAwayMs: () => redis?.awayMs(),
    close: () => redis?.client.destroy(),
  }
}

const toSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1000))

const tooMany = (retryAfterSeconds: number): AppError =>
  new AppError('rate-limited', 429, `Too many requests. Wait ${retryAfterSeconds} s and try again.`, {
    retryAfterSeconds,
  })

/**
 * Returns the rate limit key of an address: an IPv4 address unchanged, an IPv6 address as its /64, because one subscriber owns a whole /64.
 * Other text is returned unchanged.
 */
export function toAddressKey(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.toString()
  return `${new ipaddr.IPv6([...parsed.parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`
}
