import type { Money } from '#money'
import type { Queryable } from '#platform/database/db'

/** Money that a merchant gets later, or less a fee. */
export interface Settlement {
  /** `stl_…` */
  readonly id: string
  readonly merchantId: string
  readonly intentId: string
  readonly receiptId: string
  readonly owner: string
  readonly livemode: boolean
  /** `returned`: all of it went back to the payer before it was settled. */
  readonly state: SettlementState
  /** What came, less what was repaid of a debt. */
  readonly gross: Money
  /** What went back to the payer before it was settled. */
  readonly returned: Money
  /** What is kept of it, or would be by now. */
  readonly fee: Money
  readonly net: Money
  readonly dueAt: Date
  readonly settledAt: Date | undefined
  readonly createdAt: Date
}

export interface Settlements {
  find(q: Queryable, id: string): Promise<Settlement | undefined>
  /** Newest first. */
  list(
    q: Queryable,
    query: { merchantId: string; state?: SettlementState | undefined; limit: number; cursor?: string | undefined },
  ): Promise<{ items: Settlement[]; nextCursor: string | undefined }>
}

/** When and how much of what comes a merchant can dispose of. */
export interface SettlementTerms {
  /** 0: at once. */
  readonly holdDays: number
  /** Of each receipt, in hundredths of a percent. */
  readonly feeBps: number
  /** Of each receipt, in minor units, by currency. */
  readonly feeFixed: Readonly<Record<string, bigint>>
}

/** Payload of the job that hears of settlements. `returned`: all of it went back to the payer before; `created` again: it came back. */
export interface SettlementChange {
  readonly settlementId: string
  readonly type: 'created' | 'completed' | 'returned'
  /** Grows with each change that is told. */
  readonly version: number
}

/** All SQL on payments.settlements. */

export type SettlementState = 'pending' | 'settled' | 'returned'
