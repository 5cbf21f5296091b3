import type { Schema } from '#platform/migrate'
import { listMethods } from './attempts.ts'
import { paymentsCommands } from './commands.ts'
import { createReconciliation } from './reconciliation/reconciliation.ts'
import { createCore } from './core.ts'
import { paymentsCrons } from './crons.ts'
import { paymentExports } from './exports.ts'
import type { Payments, PaymentsDeps } from './face.ts'
import { createFollow } from './follow.ts'
import { paymentsHealth } from './health.ts'
import { inboxQueue } from './inbox.ts'
import { cancelIntent, createIntent, findCreated, loadIntent, merchantBalance, pageOfIntents } from './intents.ts'
import { createInvariants } from './invariants.ts'
import { createCustomers } from './own/customers.ts'
import { createTransfers } from './own/transfers.ts'
import { attemptsQueue, lookAtPages } from './polling.ts'
import { reconcileQueue } from './reconciliation/compare.ts'
import { refundsQueue } from './refunds/polling.ts'
import { createRefunds } from './refunds/refunds.ts'
import { webhookRoutes } from './routes.ts'
import { startAttempt } from './starting.ts'
import { settlementsQueue } from './settlements/settle.ts'
import { settlementReader } from './settlements/settlements.ts'
import { figuresOf } from './tallies.ts'
import { createWatching } from './watch.ts'

export const paymentsSchema: Schema = { name: 'payments', folder: new URL('./migrations/', import.meta.url) }

/** Money in, provider-blind: intents, attempts, receipts, and what providers tell. */
export function createPayments(deps: PaymentsDeps): Payments {
  const core = createCore(deps)
  const follow = createFollow({
    db: deps.db,
    load: (id) => loadIntent(deps.db, id),
    onError: (error) => core.log.warn({ error }, 'followers could not be told'),
  })
  core.changed = follow.changed
  const watching = createWatching(core)
  core.wakeWatch = watching.wake
  const payments: Payments = {
    name: 'payments',
    schema: paymentsSchema,
    routes: (app) => webhookRoutes(core, app),
    queues: [
      inboxQueue(core),
      attemptsQueue(core),
      refundsQueue(core),
      settlementsQueue(core),
      reconcileQueue(core),
      ...watching.queues,
    ],
    crons: paymentsCrons(core),
    commands: (program, open) => paymentsCommands(program, open, async () => payments),
    health: [paymentsHealth(core)],
    invariants: createInvariants(deps.ledger),
    create: (q, input) => createIntent(core, q, input),
    findCreated,
    find: (q, { id, merchantId }) => loadIntent(q, id, merchantId),
    list: pageOfIntents,
    cancel: (by) => cancelIntent(core, by),
    startAttempt: (input) => startAttempt(core, input),
    settlements: settlementReader,
    figures: (q, since) => figuresOf(core, q, since),
    look: (intentId) => lookAtPages(core, intentId),
    learnPrices: (asset) => core.prices.learn(asset),
    methods: (asset) => listMethods(core, asset),
    balance: (q, merchantId) => merchantBalance(core, q, merchantId),
    follow: follow.follow,
    exports: paymentExports,
    close: watching.close,
    refunds: createRefunds(core),
    transfers: createTransfers(core, deps.transfers),
    customers: createCustomers(core.ledger),
    reconciliation: createReconciliation(core),
  }
  return payments
}
