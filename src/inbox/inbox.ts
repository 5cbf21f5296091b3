import { addMs } from '#platform/base/clock'
import type { Cron } from '#platform/runtime/jobs'
import type { Schema } from '#platform/database/migrate'
import { inboxCommands } from './commands.ts'
import { createInboxContext, type InboxContext, type InboxDeps } from './context.ts'
import { inboxHealth, measureInbox, spoolHealth } from './health.ts'
import { inboxQueue } from './queue.ts'
import { webhookRoutes } from './routes.ts'
import { purgeEvents } from './store.ts'
import type { Inbox } from './types.ts'

export const inboxSchema: Schema = { name: 'inbox', folder: new URL('./migrations/', import.meta.url) }

const SECOND_MS = 1000
const DAY_MS = 24 * 60 * 60_000
const KEEP_EVENTS_MS = 90 * DAY_MS
const EVENTS_BATCH = 2000

/** Creates the inbox: stores provider events, answers, then calls the handlers. */
export function createInbox(deps: InboxDeps): Inbox {
  const context = createInboxContext(deps)
  return {
    name: 'inbox',
    schema: inboxSchema,
    routes: (app) => webhookRoutes(context, app),
    queues: [inboxQueue(context)],
    crons: inboxCrons(context),
    commands: inboxCommands,
    health: [inboxHealth(context), spoolHealth(context)],
  }
}

const inboxCrons = (context: InboxContext): readonly Cron[] => [
  { name: 'inbox.measure', everyMs: 15 * SECOND_MS, run: async () => void (await measureInbox(context)) },
  {
    name: 'inbox.purge',
    everyMs: DAY_MS / 4,
    run: async ({ signal }) => {
      const before = addMs(context.clock.now(), -KEEP_EVENTS_MS)
      while (!signal.aborted && (await purgeEvents(context.db, before, EVENTS_BATCH)) === EVENTS_BATCH);
    },
  },
]
