import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import ipaddr from 'ipaddr.js'
import { AppError } from './errors.ts'

export interface LimitRule {
  /** How often within the window. */
  points: number
  windowMs: number
}

export interface LimitAnswer {
  ok: boolean
  /** Whole seconds until it would be allowed; 0 when it is. */
  retryAfterSeconds: number
}

/** Counts what somebody does too often. Keys are `rate_limit:<name>:<key>`. */
export interface Limits {
  /** Takes one point of `key`; not ok when none is left in its window, which begins with the first. */
  take(name: string, key: string, rule: LimitRule): Promise<LimitAnswer>
  /** Takes one point or throws 429 `rate-limited` with Retry-After. */
  require(name: string, key: string, rule: LimitRule): Promise<void>
}

/** Counts in this process, by the computer's time: the library knows no other clock. */
export function createLimits(): Limits {
  const limiters = new Map<string, RateLimiterMemory>()
  const limiterOf = (name: string, { points, windowMs }: LimitRule): RateLimiterMemory => {
    const id = `${name} ${points} ${windowMs}`
    let limiter = limiters.get(id)
    if (!limiter) {
      limiter = new RateLimiterMemory({ keyPrefix: `rate_limit:${name}`, points, duration: windowMs / 1000 })
      limiters.set(id, limiter)
    }
    return limiter
  }
  const take: Limits['take'] = async (name, key, rule) => {
    try {
      await limiterOf(name, rule).consume(key)
      return { ok: true, retryAfterSeconds: 0 }
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused
      return { ok: false, retryAfterSeconds: Math.max(1, Math.ceil(refused.msBeforeNext / 1000)) }
    }
  }
  return {
    take,
    require: async (name, key, rule) => {
      const { ok, retryAfterSeconds } = await take(name, key, rule)
      if (!ok) throw tooMany(retryAfterSeconds)
    },
  }
}

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
