import type { Cases } from '#cases'
import type { ReportSecurityEvent } from '#inbox'
import type { Ledger } from '#ledger'
import type { Clock } from '#platform/base/clock'
import type { Db, TransactionOptions, Tx } from '#platform/database/db'
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

/** Dependencies that the folders of this module share. */
export interface Context {
  readonly db: Db
  readonly ledger: Ledger
  readonly jobs: () => Pick<Jobs, 'enqueue' | 'wake' | 'instanceId' | 'giveBack'>
  readonly clock: Clock
  readonly ids: Ids
  readonly log: Log
  readonly meters: Meters
  readonly securityEvent: ReportSecurityEvent
  readonly cases: Pick<Cases, 'open' | 'countOpen'>
  readonly rails: readonly Rail[]
  /** Time zone of business days. */
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
  /** Notifies followers in this process that an intent changed. */
  changed: (intentId: string) => void
  /** Makes the next poll of a watching rail due now, because there is a new address. */
  wakeWatch: (rail: string) => Promise<void>
}

/** Name of the only account at each provider. */
export const MAIN_ACCOUNT = 'main'

export const ATTEMPTS_QUEUE = 'payments.attempts'
export const REFUNDS_QUEUE = 'payments.refunds'

export type Meters = ReturnType<typeof createMeters>

export function createMeters(metrics: Metrics) {
  return {
    payments: metrics.counter('payments_total', 'Payment attempts, by result', ['provider', 'status']),
    refunds: metrics.counter('purser_refunds_total', 'Refunds, by result', ['rail', 'status']),
    checks: metrics.counter('purser_payment_checks_total', 'Status queries to providers, by answer', [
      'rail',
      'answer',
    ]),
    overdue: metrics.gauge(
      'purser_payment_attempts_overdue_seconds',
      'Waiting time of the oldest due attempt, in seconds',
    ),
  }
}

export const railOf = (context: Context, name: string): Rail | undefined =>
  context.rails.find((rail) => rail.name === name)

const MAX_TRANSACTIONS = 4

/**
 * Runs a transaction that moves money, up to four times. Another transaction can spend the balance between our read and
 * our debit; then everything runs again. On the last run `contended` is true, and nothing may depend on the available
 * balance.
 */
export async function transactMoney<T>(
  context: Context,
  act: (tx: Tx, contended: boolean) => Promise<T>,
  options?: TransactionOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await context.db.transaction((tx) => act(tx, attempt === MAX_TRANSACTIONS), options)
    } catch (error) {
      const spent = error instanceof AppError && error.code === 'ledger.insufficient-funds'
      if (!spent || attempt === MAX_TRANSACTIONS) throw error
    }
  }
}
