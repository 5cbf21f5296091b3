import { createSecurityReporter } from '#inbox'
import type { Schema } from '#platform/database/migrate'
import { listMethods } from './attempts/attempts.ts'
import { handleFact } from './attempts/events.ts'
import { ATTEMPT_LIMITS } from './attempts/limits.ts'
import { attemptsQueue, pollPages } from './attempts/polling.ts'
import { createWatching } from './attempts/watching.ts'
import { createBookkeeping } from './bookkeeping/bookkeeping.ts'
import { paymentsCommands } from './commands.ts'
import { type Context, createMeters } from './context.ts'
import { paymentsCrons } from './crons.ts'
import { createPrices } from './exchange/prices.ts'
import { paymentExports } from './exports/exports.ts'
import { paymentsHealth } from './health.ts'
import { createFollow } from './intents/followers.ts'
import {
  cancelIntent,
  createIntent,
  findCreated,
  loadIntent,
  merchantBalance,
  listIntentPage,
} from './intents/intents.ts'
import { readFigures } from './intents/tallies.ts'
import { createInvariants } from './invariants.ts'
import { createCustomers } from './methods/customers.ts'
import { createBuiltInRails } from './methods/rails.ts'
import { createTransfers } from './methods/transfers.ts'
import type { RefundsConfig } from './refunds/config.ts'
import { createRefunds } from './refunds/refunds.ts'
import { handleRefundFact } from './refunds/sending/events.ts'
import { refundsQueue } from './refunds/sending/polling.ts'
import { createSettlingLedger } from './settlements/holding.ts'
import { startAttempt } from './attempts/start.ts'
import { settlementsQueue } from './settlements/settle.ts'
import { settlementReader } from './settlements/settlements.ts'
import type { Payments, PaymentsDeps } from './types.ts'

export const paymentsSchema: Schema = { name: 'payments', folder: new URL('./migrations/', import.meta.url) }

/** Creates the payments module: intents, attempts, receipts, refunds and settlements. It knows no provider; rails do. */
export function createPayments(deps: PaymentsDeps): Payments {
  const context = createContext(deps)
  const follow = createFollow({
    db: deps.db,
    load: (id) => loadIntent(deps.db, id),
    onError: (error) => context.log.warn({ error }, 'followers could not be notified'),
  })
  context.changed = follow.changed
  const watching = createWatching(context)
  context.wakeWatch = watching.wake
  const payments: Payments = {
    name: 'payments',
    schema: paymentsSchema,
    queues: [attemptsQueue(context), refundsQueue(context), settlementsQueue(context), ...watching.queues],
    crons: paymentsCrons(context),
    commands: (program, open) => paymentsCommands(program, open, async () => payments),
    health: [paymentsHealth(context)],
    invariants: createInvariants(deps.ledger),
    create: (q, input) => createIntent(context, q, input),
    findCreated,
    find: (q, { id, merchantId }) => loadIntent(q, id, merchantId),
    list: listIntentPage,
    cancel: (by) => cancelIntent(context, by),
    startAttempt: (input) => startAttempt(context, input),
    settlements: settlementReader,
    figures: (q, since) => readFigures(context, q, since),
    pollPages: (intentId) => pollPages(context, intentId),
    loadPrices: (asset) => context.prices.load(asset),
    railStates: () => context.rails.map((rail) => ({ name: rail.name, unavailable: rail.unavailable() })),
    methods: (asset) => listMethods(context, asset),
    balance: (q, merchantId) => merchantBalance(context, q, merchantId),
    follow: follow.follow,
    exports: paymentExports,
    close: watching.close,
    refunds: createRefunds(context),
    transfers: createTransfers(context, deps.transfers),
    customers: createCustomers(context.ledger),
    bookkeeping: createBookkeeping(context),
    inbound: {
      payment: (rail, event, fact) => handleFact(context, rail, event, fact),
      refund: (rail, fact) => handleRefundFact(context, rail, fact),
    },
  }
  return payments
}

const REFUNDS: RefundsConfig = { beyondBalance: 'refuse', claimDays: 30 }

/** Creates the context that all rooms of this module share. */
function createContext(deps: PaymentsDeps): Context {
  const { publicUrl } = deps
  const log = deps.log.child({ module: 'payments' })
  return {
    ...deps,
    ledger: createSettlingLedger(deps),
    rails: [...deps.rails, ...createBuiltInRails(deps)],
    log,
    securityEvent: createSecurityReporter({ ...deps, log }),
    prices: createPrices({ ...deps, log }),
    meters: createMeters(deps.metrics),
    publicUrl: typeof publicUrl === 'string' ? () => publicUrl : publicUrl,
    timeZone: deps.timeZone ?? 'UTC',
    limits: { ...ATTEMPT_LIMITS, ...deps.limits },
    subscribers: deps.subscribers ?? {},
    refundSubscribers: deps.refundSubscribers ?? {},
    refunds: deps.refunds ?? (() => REFUNDS),
    changed: () => undefined,
    wakeWatch: () => Promise.resolve(),
  }
}
