import type { Money } from '#money'

/** One arrival of money. */
export interface Receipt {
  /** `rcp_…` */
  readonly id: string
  readonly attemptId: string
  readonly rail: string
  readonly providerId: string
  /** The number that people see (MpesaReceiptNumber); may come later than the money. */
  readonly number: string | undefined
  readonly gross: Money
  /** What of it counts towards the intent, in the intent's asset. */
  readonly counted: Money
  readonly reversed: Money
  /** Came after the intent was over. */
  readonly late: boolean
  /** When the provider took it. */
  readonly at: Date
}
