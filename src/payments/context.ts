import type { Cases } from '#cases'
import type { ReportSecurityEvent } from '#inbox'
import type { Ledger } from '#ledger'
import type { Clock } from '#platform/base/clock'
import type { Db, Tx } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { Ids } from '#platform/base/ids'
import type { Job, Jobs } from '#platform/runtime/jobs'
import type { Log } from '#platform/observe/log'
import type { Metrics } from '#platform/observe/metrics'
import type { Rail } from '#rails/contract'
import type { Rates } from '#rates'
import type { AttemptLimits } from './attempts/types.ts'
import type { Prices } from './exchange/types.ts'
import type { IntentChange } from './intents/types.ts'
import type { RefundsConfig } from './refunds/config.ts'
import type { RefundChange } from './refunds/types.ts'
import type { SettlementChange } from './settlements/types.ts'

/** What the parts of payments share. */
export interface Context {
  readonly db: Db
  readonly ledger: Ledger
  readonly jobs: () => Pick<Jobs, 'enqueue' | 'wake'>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly meters: Meters
  readonly securityEvent: ReportSecurityEvent
  readonly cases: Pick<Cases, 'open' | 'countOpen'>
  readonly rails: readonly Rail[]
  /** Whose days are compared. */
  readonly timeZone: string
  readonly rates?: Pick<Rates, 'rate' | 'quote'> | undefined
  readonly prices: Prices
  readonly publicUrl: () => string
  readonly callbackKey: Buffer
  readonly limits: AttemptLimits
  readonly settlementChanged?: Job<SettlementChange> | undefined
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

export const ATTEMPTS_QUEUE = 'payments.attempts'
export const REFUNDS_QUEUE = 'payments.refunds'

export type Meters = ReturnType<typeof createMeters>

export function createMeters(metrics: Metrics) {
  return {
    payments: metrics.counter('payments_total', 'Attempts to pay, by what became of them', ['provider', 'status']),
    refunds: metrics.counter('purser_refunds_total', 'Refunds, by what became of them', ['rail', 'status']),
    checks: metrics.counter('purser_payment_checks_total', 'Questions to providers, by answer', ['rail', 'answer']),
    overdue: metrics.gauge('purser_payment_attempts_overdue_seconds', 'How long the oldest due attempt has waited'),
  }
}

export const railOf = (context: Context, name: string): Rail | undefined =>
  context.rails.find((rail) => rail.name === name)

const TRIES = 4

/**
 * A transaction that moves money. What is available may be spent between reading it and taking it: then all is done again; the last time
 * `contended` is true and nothing should depend on what is available.
 */
export async function transactMoney<T>(context: Context, act: (tx: Tx, contended: boolean) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await context.db.transaction((tx) => act(tx, attempt === TRIES))
    } catch (error) {
      const spent = error instanceof AppError && error.code === 'ledger.insufficient-funds'
      if (!spent || attempt === TRIES) throw error
    }
  }
}
