import { LRUCache } from 'lru-cache'
import type { Queryable } from '#platform/database/db'
import type { Log } from '#platform/observe/log'
import type { Metrics } from '#platform/observe/metrics'
import { readPatterns } from './endpoint-store.ts'
import type { WebhooksDeps } from './types.ts'

export const DELIVERIES_QUEUE = 'webhooks.deliveries'

/** Dependencies and state that the module's files share. */
export interface WebhooksContext extends Omit<WebhooksDeps, 'metrics'> {
  readonly log: Log
  readonly meters: Meters
  readonly subscriptions: SubscriptionCache
  wake(): void
}

export function createContext(deps: WebhooksDeps): WebhooksContext {
  return {
    ...deps,
    log: deps.log.child({ module: 'webhooks' }),
    meters: createMeters(deps.metrics),
    subscriptions: createSubscriptionCache(deps),
    wake: () => deps.jobs().wake(DELIVERIES_QUEUE),
  }
}

type Meters = ReturnType<typeof createMeters>

const DELAY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 300]

function createMeters(metrics: Metrics) {
  return {
    attempts: metrics.counter('purser_webhook_attempts_total', 'Delivery attempts to merchant endpoints, by result', [
      'result',
    ]),
    delay: metrics.histogram(
      'purser_webhook_delay_seconds',
      'Time from publishing an event to its first delivery attempt',
      [],
      DELAY_BUCKETS,
    ),
    disabled: metrics.counter(
      'purser_webhook_endpoints_disabled_total',
      'Endpoints disabled automatically, by reason',
      ['reason'],
    ),
    failing: metrics.gauge('purser_webhook_endpoints_failing', 'Endpoints whose deliveries currently fail'),
    overdue: metrics.gauge('purser_webhook_overdue_seconds', 'Age of the oldest due delivery to a working endpoint'),
  }
}

/** Returns the patterns that match an event type. */
export const listMatchingPatterns = (type: string): readonly string[] => [
  '*',
  `${type.slice(0, type.indexOf('.'))}.*`,
  type,
]

export interface SubscriptionCache {
  hasSubscriber(q: Queryable, merchantId: string, type: string): Promise<boolean>
  /** Call it after a commit that changed the merchant's endpoints. */
  invalidate(merchantId: string): void
}

/** Maximum time for which another instance may miss a new endpoint. */
const CACHE_MS = 5_000
const MERCHANTS_MAX = 10_000

/** Caches each merchant's event patterns for seconds, because payments are created far more often than endpoints change. */
function createSubscriptionCache({ clock }: Pick<WebhooksDeps, 'clock'>): SubscriptionCache {
  const cached = new LRUCache<string, readonly string[]>({
    max: MERCHANTS_MAX,
    ttl: CACHE_MS,
    ttlResolution: 0,
    perf: { now: () => clock.now().getTime() },
  })
  let changes = 0
  const load = async (q: Queryable, merchantId: string): Promise<readonly string[]> => {
    const before = changes
    const patterns = await readPatterns(q, merchantId)
    // A read that started before a change must not be cached after it.
    if (before === changes) cached.set(merchantId, patterns)
    return patterns
  }
  return {
    hasSubscriber: async (q, merchantId, type) => {
      const patterns = cached.get(merchantId) ?? (await load(q, merchantId))
      return patterns.length > 0 && listMatchingPatterns(type).some((pattern) => patterns.includes(pattern))
    },
    invalidate: (merchantId) => {
      changes += 1
      cached.delete(merchantId)
    },
  }
}
