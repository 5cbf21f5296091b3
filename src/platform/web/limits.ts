import { createClient, type RedisClientType } from '@redis/client'
import ipaddr from 'ipaddr.js'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible'
import { AppError, describeError } from '../base/errors.ts'
import type { Log } from '../observe/log.ts'
import type { Secret } from '../base/secrets.ts'

export interface LimitRule {
  /** How often within the window. */
  points: number
  windowMs: number
}

export interface LimitAnswer {
  ok: boolean
  /** Whole seconds until it would be allowed; 0 when it is. */
  retryAfterSeconds: number
  /** Points left in the window. */
  remaining: number
  /** Whole seconds until the window ends and all points are back. */
  resetSeconds: number
}

/** Counts what somebody does too often. Keys are `rate_limit:<name>:<key>`. */
export interface Limits {
  /** Takes one point of `key`; not ok when none is left in its window, which begins with the first. */
  take(name: string, key: string, rule: LimitRule): Promise<LimitAnswer>
  /** Takes one point or throws 429 `rate-limited` with Retry-After. */
  require(name: string, key: string, rule: LimitRule): Promise<void>
  close(): void
}

const REDIS = { useRedisPackage: true, rejectIfRedisNotReady: true }
const CONNECT_MS = 2_000
const RECONNECT_AT_MOST_MS = 5_000

/** Connects in the background and again whenever the connection is lost; nobody waits for it. */
function openRedis(url: Secret, log: Log): RedisClientType {
  const client: RedisClientType = createClient({
    url: url.reveal(),
    disableOfflineQueue: true,
    commandsQueueMaxLength: 1_000,
    socket: {
      connectTimeout: CONNECT_MS,
      socketTimeout: CONNECT_MS,
      reconnectStrategy: (tries) => Math.min(100 * (tries + 1), RECONNECT_AT_MOST_MS),
    },
    pingInterval: 1_000,
  })
  let away = false
  client.on('error', (error: Error) => {
    if (!away) log.warn({ why: describeError(error) }, 'redis is away: this process counts rate limits for itself')
    away = true
  })
  client.on('ready', () => {
    if (away) log.info('redis is back: rate limits are shared again')
    away = false
  })
  // A connection given up only at destroy(); errors on the way were told above.
  client.connect().catch(() => undefined)
  return client
}

export interface LimitsDeps {
  /** Redis or Valkey that all web instances share. Without it each process counts for itself. */
  redisUrl?: Secret | undefined
  log: Log
}

/** Time is the computer's: the library knows no other clock. */
export function createLimits({ redisUrl, log }: LimitsDeps): Limits {
  const redis = redisUrl && openRedis(redisUrl, log)
  const limiters = new Map<string, RateLimiterAbstract>()
  const limiterOf = (name: string, { points, windowMs }: LimitRule): RateLimiterAbstract => {
    const id = `${name} ${points} ${windowMs}`
    let limiter = limiters.get(id)
    if (!limiter) {
      const rule = { keyPrefix: `rate_limit:${name}`, points, duration: windowMs / 1000 }
      const own = new RateLimiterMemory(rule)
      // While Redis is away each process counts for itself again.
      limiter = redis ? new RateLimiterRedis({ ...rule, ...REDIS, storeClient: redis, insuranceLimiter: own }) : own
      limiters.set(id, limiter)
    }
    return limiter
  }
  const take: Limits['take'] = async (name, key, rule) => {
    try {
      const { remainingPoints: remaining, msBeforeNext } = await limiterOf(name, rule).consume(key)
      return { ok: true, retryAfterSeconds: 0, remaining, resetSeconds: toUnixSeconds(msBeforeNext) }
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused
      const seconds = toUnixSeconds(refused.msBeforeNext)
      return { ok: false, retryAfterSeconds: seconds, remaining: 0, resetSeconds: seconds }
    }
  }
  return {
    take,
    require: async (name, key, rule) => {
      const { ok, retryAfterSeconds } = await take(name, key, rule)
      if (!ok) throw tooMany(retryAfterSeconds)
    },
    close: () => redis?.destroy(),
  }
}

const toUnixSeconds = (ms: number): number => Math.max(1, Math.ceil(ms / 1000))

const tooMany = (retryAfterSeconds: number): AppError =>
  new AppError('rate-limited', 429, `Too many requests: wait ${retryAfterSeconds} s and try again.`, {
    retryAfterSeconds,
  })

/**
 * What an address is counted under: IPv4 as it is, IPv6 by its /64, because one subscriber has all of that. Text that is no address
 * counts as itself.
 */
export function addressKey(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed instanceof ipaddr.IPv4) return parsed.toString()
  return `${new ipaddr.IPv6([...parsed.parts.slice(0, 4), 0, 0, 0, 0]).toString()}/64`
}
