import { LRUCache } from 'lru-cache'
import type { Queryable } from '#platform/database/db'
import type { Log } from '#platform/observe/log'
import type { Metrics } from '#platform/observe/metrics'
import { readPatterns } from './endpoint-store.ts'
import type { WebhooksDeps } from './types.ts'

export const DELIVERIES_QUEUE = 'webhooks.deliveries'

/** What the parts of webhooks share. */
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
    attempts: metrics.counter('purser_webhook_attempts_total', 'Sendings to endpoints of merchants, by result', [
      'result',
    ]),
    delay: metrics.histogram(
      'purser_webhook_delay_seconds',
      'From the writing of an event to its first sending',
      [],
      DELAY_BUCKETS,
    ),
    disabled: metrics.counter('purser_webhook_endpoints_disabled_total', 'Endpoints that we disabled, by reason', [
      'reason',
    ]),
    failing: metrics.gauge('purser_webhook_endpoints_failing', 'Endpoints where every delivery fails now'),
    overdue: metrics.gauge(
      'purser_webhook_overdue_seconds',
      'How long the longest due delivery to an endpoint that works has waited',
    ),
  }
}

/** What a pattern must be to take in the type. */
export const listMatchingPatterns = (type: string): readonly string[] => [
  '*',
  `${type.slice(0, type.indexOf('.'))}.*`,
  type,
]

export interface SubscriptionCache {
  hasSubscriber(q: Queryable, merchantId: string, type: string): Promise<boolean>
  /** After a commit that changed endpoints of the merchant. */
  invalidate(merchantId: string): void
}

/** How long another instance may still believe that nobody listens. */
const KEPT_MS = 5_000
const MERCHANTS_MAX = 10_000

/** What each merchant's endpoints listen to, kept for seconds: a payment is created far more often than an endpoint. */
function createSubscriptionCache({ clock }: Pick<WebhooksDeps, 'clock'>): SubscriptionCache {
  const known = new LRUCache<string, readonly string[]>({
    max: MERCHANTS_MAX,
    ttl: KEPT_MS,
    ttlResolution: 0,
    perf: { now: () => clock.now().getTime() },
  })
  let changes = 0
  const ask = async (q: Queryable, merchantId: string): Promise<readonly string[]> => {
    const before = changes
    const patterns = await readPatterns(q, merchantId)
    // What was read before a change must not outlive it.
    if (before === changes) known.set(merchantId, patterns)
    return patterns
  }
  return {
    hasSubscriber: async (q, merchantId, type) => {
      const patterns = known.get(merchantId) ?? (await ask(q, merchantId))
      return patterns.length > 0 && listMatchingPatterns(type).some((pattern) => patterns.includes(pattern))
    },
    invalidate: (merchantId) => {
      changes += 1
      known.delete(merchantId)
    },
  }
}
