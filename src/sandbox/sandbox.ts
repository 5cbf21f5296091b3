import { addMs, type Clock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { invariant } from '#platform/base/errors'
import type { Fetch } from '#platform/web/fetch'
import type { Ids } from '#platform/base/ids'
import type { Log } from '#platform/observe/log'
import type { Module } from '#platform/runtime/module'
import type { Secret } from '#platform/base/secrets'
import { createGate } from './access.ts'
import { createBitcoinNode } from './bitcoin/node.ts'
import { createPublisher } from './bitcoin/publisher.ts'
import { addBitcoinRoutes } from './bitcoin/routes.ts'
import { createPrompts, type Prompts } from './phone/prompts.ts'
import { mpesaNetwork } from './daraja/callback.ts'
import { addPullRoute } from './daraja/pull-routes.ts'
import { addPayoutRoutes } from './daraja/payout-routes.ts'
import { createPayouts, type Payouts } from './daraja/payouts.ts'
import { addDarajaRoutes } from './daraja/routes.ts'
import { createDeliver, type Deliver } from './deliver.ts'
import { addAnswerFaults } from './faults/answers.ts'
import { addFaultControls } from './faults/controls.ts'
import { withFaults } from './faults/deliveries.ts'
import { addAssets } from './page/assets.ts'
import { addPageRoutes } from './home/routes.ts'
import { addPriceControls } from './prices/controls.ts'
import { addPriceRoutes } from './prices/routes.ts'
import { createEmit } from './stripe/events.ts'
import { addStripePages } from './stripe/page-routes.ts'
import { createCardPayments } from './stripe/payments.ts'
import { createCardRefunds, type CardRefunds } from './stripe/refunds.ts'
import { addStripeRoutes } from './stripe/routes.ts'
import { createSessions, type Sessions } from './stripe/sessions.ts'
import { addEndpointControl, emitTo, endpointsOf } from './simulator.ts'
import { FAULTY, SIMULATORS } from './simulators.ts'
import { createTimerQueue, takeTimer, type TimerHandler, type TimerKind } from './timers.ts'

export interface SandboxDeps {
  db: Db
  clock: Clock
  ids: Ids
  log: Log
  /** Sends callbacks and events. */
  fetch: Fetch
  /** Returns the browsers' base URL of this sandbox, without a trailing slash. A function, because the port is known only after listen. */
  baseUrl: () => string
  /** Returns the webhook URL of a provider, as set in its console. More can be registered. */
  webhookUrl?: (provider: string) => string | undefined
  /**
   * Returns whether callbacks and events may go to a URL. Clients of the simulators choose the URLs, so without a check they could reach any
   * address in the sandbox's network.
   */
  mayDeliver: (url: URL) => boolean
  /** Returns the address at which this process receives callbacks, when the sandbox is part of a Purser. */
  localUrl?: () => string
  /** Returns the URL of a demo checkout, which the page links. */
  demoUrl?: () => string | undefined
  /** Required on every page and control when set. Needed when other machines can reach the sandbox. */
  password?: Secret | undefined
}

export const sandboxSchema = { name: 'sandbox', folder: new URL('./migrations/', import.meta.url) }

/** Creates the simulated providers: Daraja, Stripe, phones, a card page, price sources, a Bitcoin node. Never loaded in test or live mode. */
export function createSandbox(deps: SandboxDeps): Module {
  const { db, clock, ids, fetch, baseUrl, webhookUrl = () => undefined, demoUrl = () => undefined } = deps
  const log = deps.log.child({ module: 'sandbox' })
  const deliver = createDeliver({ fetch, clock, log, mayDeliver: deps.mayDeliver, localUrl: deps.localUrl })
  const prompts = createPrompts({ db, clock, ids })
  prompts.addNetwork(mpesaNetwork(ids))
  const emit = createEmit({ clock, ids, webhookUrl: () => webhookUrl('stripe') })
  const sessions = createSessions({ clock, ids, emit, baseUrl })
  const payments = createCardPayments({ clock, ids, emit, sessions })
  const refunds = createCardRefunds({ clock, ids, emit })
  const gate = createGate(deps.password)
  const payouts = createPayouts({ db, clock, ids })
  const handlers = createHandlers({ db, clock, prompts, sessions, refunds, payouts, deliver })
  const simulators = SIMULATORS.map(({ name, create }) => {
    const endpoints = endpointsOf(name, () => webhookUrl(name))
    const shared = { db, clock, ids, deliver, gate, baseUrl, prompts, endpoints }
    return { name, ...create({ ...shared, emit: emitTo(endpoints, shared) }) }
  })
  for (const { name, timers = {}, deliveries = {} } of simulators) {
    Object.assign(handlers, timers)
    for (const [kind, handler] of Object.entries(deliveries)) handlers[kind] = withFaults(name, handler, deps)
  }
  for (const [kind, provider] of DELIVERIES) handlers[kind] = withFaults(provider, requireHandler(handlers, kind), deps)
  return {
    name: 'sandbox',
    schema: sandboxSchema,
    routes: (app) => {
      const assets = addAssets(app)
      addAnswerFaults(app, { db })
      addFaultControls(app, { db, gate }, FAULTY)
      addDarajaRoutes(app, { clock, ids, prompts, deliver })
      addPullRoute(app, { clock, ids, prompts, deliver })
      addPayoutRoutes(app, { clock, ids, prompts, deliver, payouts })
      addStripeRoutes(app, { db, clock, ids, sessions, refunds, deliver })
      addStripePages(app, { db, clock, sessions, payments, gate }, assets)
      for (const { name, routes } of simulators) {
        routes(app, assets)
        addEndpointControl(app, { db, clock, deliver, gate }, name)
      }
      const publisher = createPublisher()
      addBitcoinRoutes(app, { node: createBitcoinNode({ db, clock, publisher }), gate }, assets)
      app.addHook('onClose', () => publisher.close())
      addPriceRoutes(app, { db, clock })
      addPriceControls(app, { db, gate })
      addPageRoutes(app, { db, clock, prompts, gate, demoUrl }, assets)
    },
    queues: [createTimerQueue({ db, clock, handlers })],
  }
}

/** Timers that send something to Purser, with their provider. */
const DELIVERIES = [
  ['callback', 'daraja'],
  ['event', 'stripe'],
] as const

const requireHandler = (handlers: Readonly<Record<TimerKind, TimerHandler>>, kind: TimerKind): TimerHandler => {
  const handler = handlers[kind]
  invariant(handler, `timers of the kind ${kind} have a handler`)
  return handler
}

function createHandlers(deps: {
  db: Db
  clock: Clock
  prompts: Prompts
  sessions: Sessions
  refunds: CardRefunds
  payouts: Payouts
  deliver: Deliver
}): Record<TimerKind, TimerHandler> {
  const { db, clock, prompts, sessions, refunds, payouts, deliver } = deps
  return {
    refund: async ({ subject, body }) => {
      await db.transaction((tx) => refunds.end(tx, subject, body))
      return undefined
    },
    payout: async ({ subject }) => {
      await payouts.settle(subject)
      return undefined
    },
    prompt: async ({ subject }) => {
      const prompt = await prompts.findCurrent(subject)
      return prompt && prompt.resultCode === null ? (prompt.actsAt ?? prompt.endsAt) : undefined
    },
    // Delete the timer before sending: Safaricom never repeats a callback, not even a lost one.
    callback: async ({ id, subject, body }) => {
      if (await takeTimer(db, id)) await deliver.callback(subject, body)
      return undefined
    },
    event: (timer) => deliver.event(timer),
    session: async ({ subject }) => {
      const { body } = await db.transaction((tx) => sessions.require(tx, subject))
      return body.status === 'open' ? addMs(clock.now(), 1000) : undefined
    },
  }
}
