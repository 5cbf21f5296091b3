import type { Money } from '#money'
import type { Queryable } from '#platform/database/db'

/** Credit of a receipt that a merchant gets later, or less a fee. */
export interface Settlement {
  /** `stl_…` */
  readonly id: string
  readonly merchantId: string
  readonly intentId: string
  readonly receiptId: string
  readonly owner: string
  readonly livemode: boolean
  /** `returned`: all of the money was returned to the payer before the settlement. */
  readonly state: SettlementState
  /** Received money, less the part that repaid a debt. */
  readonly gross: Money
  /** Money that was returned to the payer before the settlement. */
  readonly returned: Money
  /** Fee of the operator. Before the settlement: the fee as of now. */
  readonly fee: Money
  readonly net: Money
  readonly dueAt: Date
  readonly settledAt: Date | undefined
  readonly createdAt: Date
}

export interface Settlements {
  find(q: Queryable, id: string): Promise<Settlement | undefined>
  /** Lists settlements, newest first. */
  list(
    q: Queryable,
    query: { merchantId: string; state?: SettlementState | undefined; limit: number; cursor?: string | undefined },
  ): Promise<{ items: Settlement[]; nextCursor: string | undefined }>
}

/** Hold days and fees of a merchant. */
export interface SettlementTerms {
  /** Days until a credit is settled; 0: at once. */
  readonly holdDays: number
  /** Fee on each receipt, in hundredths of a percent. */
  readonly feeBps: number
  /** Fixed fee on each receipt, in minor units, by currency. */
  readonly feeFixed: Readonly<Record<string, bigint>>
}

/** Payload of the job that notifies of settlements. `created` after `returned`: the refund failed or its money returned. */
export interface SettlementChange {
  readonly settlementId: string
  readonly type: 'created' | 'completed' | 'returned'
  /** Grows with each notified change. */
  readonly version: number
}

export type SettlementState = 'pending' | 'settled' | 'returned'
