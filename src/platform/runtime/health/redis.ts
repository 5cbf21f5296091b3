import type { Clock } from '../../base/clock.ts'
import type { Limits } from '../../web/limits.ts'
import type { HealthCheck } from './checks.ts'

/** Creates the check of Redis. Degraded while it is unreachable, because each process then counts rate limits alone. */
export const redisCheck = ({ limits, clock }: { limits: Pick<Limits, 'redisAwayMs'>; clock: Clock }): HealthCheck => ({
  name: 'redis',
  critical: false,
  check: () => {
    const awayMs = limits.redisAwayMs()
    if (awayMs === undefined) return Promise.resolve({ status: 'healthy' })
    const since = new Date(clock.now().getTime() - awayMs).toISOString()
    return Promise.resolve({ status: 'degraded', detail: { problem: 'unreachable', since } })
  },
})
