import { addMs } from '#platform/base/clock'
import type { HealthCheck } from '#platform/runtime/health'
import type { Cron } from '#platform/runtime/jobs'
import type { Invariant } from '#platform/runtime/module'
import { webhooksCommands } from './commands.ts'
import { createContext, type WebhooksContext } from './context.ts'
import { createDeliveries } from './deliveries.ts'
import { countFailing } from './endpoint-store.ts'
import { createEndpoints } from './endpoints.ts'
import { deleteDeliveries, deleteEvents } from './event-store.ts'
import type { Webhooks, WebhooksDeps } from './types.ts'
import { publish } from './publish.ts'
import { webhooksSchema } from './schema.ts'
import { findOldestDue, listUndelivered, listDeliveredWithoutAnswer } from './queue-store.ts'
import { deliveriesQueue } from './sender.ts'

/** Creates the module: endpoints, events and deliveries to merchants. */
export function createWebhooks(deps: WebhooksDeps): Webhooks {
  const context = createContext(deps)
  return {
    name: 'webhooks',
    schema: webhooksSchema,
    queues: [deliveriesQueue(context)],
    crons: [purge(context), measuring(context)],
    health: [health(context)],
    commands: webhooksCommands,
    invariants,
    hasSubscriber: (merchantId, type) => context.subscriptions.hasSubscriber(context.db, merchantId, type),
    publish: (tx, event) => publish(context, tx, event),
    wake: context.wake,
    ...createEndpoints(context),
    ...createDeliveries(context),
  }
}

const HOUR_MS = 60 * 60_000
/** Retention of events and deliveries. Within it they can be listed and redelivered. */
const KEEP_MS = 30 * 24 * HOUR_MS
const PURGE_BATCH = 1000

const purge = ({ db, clock }: WebhooksContext): Cron => ({
  name: 'webhooks.purge',
  everyMs: HOUR_MS,
  run: async ({ signal }) => {
    const before = addMs(clock.now(), -KEEP_MS)
    while (!signal.aborted && (await deleteDeliveries(db, before, PURGE_BATCH)) === PURGE_BATCH);
    while (!signal.aborted && (await deleteEvents(db, before, PURGE_BATCH)) === PURGE_BATCH);
  },
})

const measuring = (context: WebhooksContext): Cron => ({
  name: 'webhooks.measure',
  everyMs: 15_000,
  run: async () => void (await measure(context)),
})

async function measure({
  db,
  clock,
  meters,
}: WebhooksContext): Promise<{ overdueSeconds: number; failingEndpoints: number }> {
  const now = clock.now()
  const oldest = await findOldestDue(db, now)
  const { failing: failingEndpoints } = await countFailing(db)
  const overdueSeconds = oldest ? Math.round((now.getTime() - oldest.getTime()) / 1000) : 0
  meters.overdue.set(overdueSeconds)
  meters.failing.set(failingEndpoints)
  return { overdueSeconds, failingEndpoints }
}

/** Workers poll every 500 ms. A delivery that is overdue this long means that no worker runs, or that workers cannot keep up. */
const LATE_SECONDS = 60

/** Failing endpoints do not affect health, because only their merchants can fix them. They are only counted. */
const health = (context: WebhooksContext): HealthCheck => ({
  name: 'webhooks',
  critical: false,
  check: async () => {
    const detail = await measure(context)
    return { status: detail.overdueSeconds > LATE_SECONDS ? 'degraded' : 'healthy', detail: { ...detail } }
  },
})

const invariants: readonly Invariant[] = [
  {
    name: 'webhooks.delivered-was-answered',
    check: async (q) =>
      (await listDeliveredWithoutAnswer(q)).map(
        ({ id }) => `Delivery ${id} is marked as succeeded, but no attempt got a 2xx response.`,
      ),
  },
  {
    name: 'webhooks.every-event-is-delivered',
    check: async (q) => (await listUndelivered(q)).map(({ id }) => `Event ${id} has no delivery.`),
  },
]
