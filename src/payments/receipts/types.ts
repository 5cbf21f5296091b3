import type { Money } from '#money'

/** One arrival of money. */
export interface Receipt {
  /** `rcp_…` */
  readonly id: string
  readonly attemptId: string
  readonly rail: string
  readonly providerId: string
  /** Receipt number that people see (MpesaReceiptNumber). It can arrive later than the money. */
  readonly number: string | undefined
  readonly gross: Money
  /** Amount that counts towards the intent, in the intent's asset. */
  readonly counted: Money
  readonly reversed: Money
  /** Whether the money arrived after the intent ended. */
  readonly late: boolean
  /** Time at which the provider took the money. */
  readonly at: Date
}
