import type { Ledger } from '#ledger'
import type { Clock } from '#platform/clock'
import { AppError } from '#platform/errors'
import type { Db, Tx } from '#platform/db'
import type { Ids } from '#platform/ids'
import type { Job, Jobs } from '#platform/jobs'
import type { Rates } from '#rates'
import type { Log } from '#platform/log'
import type { Metrics } from '#platform/metrics'
import type { IntentChange, PaymentsDeps } from './face.ts'
import { ATTEMPT_LIMITS, type AttemptLimits } from './limits.ts'
import { createPrices, type Prices } from './prices.ts'
import type { Rail } from '#rails/contract'
import { ownRails } from './own/rails.ts'
import { holdingBack } from './settlements/holding.ts'
import type { RefundsConfig } from './refunds/config.ts'
import type { RefundChange } from './refunds/face.ts'

/** What the parts of payments share. */
export interface Core {
  readonly db: Db
  readonly ledger: Ledger
  readonly jobs: () => Pick<Jobs, 'enqueue' | 'wake'>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly meters: Meters
  readonly rails: readonly Rail[]
  /** Whose days are compared. */
  readonly timeZone: string
  readonly rates?: Pick<Rates, 'rate' | 'quote'> | undefined
  readonly prices: Prices
  readonly publicUrl: () => string
  readonly callbackKey: Buffer
  readonly limits: AttemptLimits
  readonly settlementChanged?: PaymentsDeps['settlementChanged']
  readonly subscribers: Readonly<Record<string, Job<IntentChange>>>
  readonly refundSubscribers: Readonly<Record<string, Job<RefundChange>>>
  readonly refunds: () => RefundsConfig
  /** Tells followers in this process that an intent changed. */
  changed: (intentId: string) => void
  /** A look of a watching rail is due now: it has something new to look for. */
  wakeWatch: (rail: string) => Promise<void>
}

/** The one account at each provider. */
export const MAIN_ACCOUNT = 'main'

export const INBOX_QUEUE = 'payments.inbox'
export const ATTEMPTS_QUEUE = 'payments.attempts'
export const REFUNDS_QUEUE = 'payments.refunds'

const REFUNDS: RefundsConfig = { beyondBalance: 'refuse', claimDays: 30 }

export function createCore(deps: PaymentsDeps): Core {
  const { publicUrl } = deps
  const log = deps.log.child({ module: 'payments' })
  return {
    ...deps,
    ledger: holdingBack(deps),
    rails: [...deps.rails, ...ownRails(deps)],
    log,
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

export type Meters = ReturnType<typeof createMeters>

function createMeters(metrics: Metrics) {
  return {
    payments: metrics.counter('payments_total', 'Attempts to pay, by what became of them', ['provider', 'status']),
    refunds: metrics.counter('purser_refunds_total', 'Refunds, by what became of them', ['rail', 'status']),
    checks: metrics.counter('purser_payment_checks_total', 'Questions to providers, by answer', ['rail', 'answer']),
    inbox: metrics.counter('purser_payment_events_total', 'Events from providers, by what became of them', [
      'rail',
      'result',
    ]),
    security: metrics.counter('purser_payment_security_events_total', 'Callbacks and events refused', [
      'rail',
      'event',
    ]),
    inboxLag: metrics.gauge('purser_payment_inbox_lag_seconds', 'Age of the oldest event that nobody has looked at'),
    parked: metrics.gauge('purser_payment_inbox_parked', 'Events that wait for a person'),
    overdue: metrics.gauge('purser_payment_attempts_overdue_seconds', 'How long the oldest due attempt has waited'),
  }
}

export const railOf = (core: Core, name: string): Rail | undefined => core.rails.find((rail) => rail.name === name)

/** Ids only: no phone, no token, nothing that a stranger wrote. */
export function securityEvent(
  core: Core,
  event: string,
  detail: Readonly<Record<string, string | undefined>> & { rail: string },
): void {
  core.meters.security.inc({ rail: detail.rail, event })
  core.log.warn({ securityEvent: event, ...detail }, 'security event')
}

const TRIES = 4

/**
 * A transaction that moves money. What is available may be spent between reading it and taking it: then all is done again; the last time
 * `contended` is true and nothing should depend on what is available.
 */
export async function transactMoney<T>(core: Core, act: (tx: Tx, contended: boolean) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await core.db.transaction((tx) => act(tx, attempt === TRIES))
    } catch (error) {
      const spent = error instanceof AppError && error.code === 'ledger.insufficient-funds'
      if (!spent || attempt === TRIES) throw error
    }
  }
}
