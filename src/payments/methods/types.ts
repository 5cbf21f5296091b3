import type { Money } from '#money'
import type { Queryable, Tx } from '#platform/database/db'
import type { AttemptState } from '../attempts/types.ts'

/** Prepaid balances of a merchant's customers. `customerId` is the merchant's own id of the customer. */
export interface Customers {
  /** Returns one row for each currency that the customer ever had, at most 1000. */
  balance(q: Queryable, of: CustomerKey): Promise<CustomerBalance[]>
  /**
   * Moves money from the merchant's available balance to the customer's. A repeat with the same `id` changes nothing. Throws 409
   * `ledger.insufficient-funds`, and `ledger.transfer-mismatch` for an id that was used with other content.
   */
  topUp(tx: Tx, move: CustomerMove): Promise<'posted' | 'repeated'>
  /** Moves money from the customer's balance to the merchant's, for a sale. Same rules as `topUp`. */
  spend(tx: Tx, move: CustomerMove): Promise<'posted' | 'repeated'>
}

export interface CustomerKey {
  readonly merchantId: string
  readonly customerId: string
}

export interface CustomerMove extends CustomerKey {
  /** Id of the event that causes the move. The ids of the postings are derived from it. */
  readonly id: string
  readonly amount: Money
  /** Reference in the ledger, without personal data. */
  readonly ref: string
}

export interface CustomerBalance {
  readonly currency: string
  readonly available: Money
}

/** A manual transfer: the requested amount, and the payer's declaration. */
export interface ManualTransfer {
  /** `att_…` */
  readonly id: string
  readonly intentId: string
  readonly merchantId: string
  /** Payment code that the payer writes on the transfer. */
  readonly code: string | undefined
  readonly amount: Money
  readonly status: AttemptState
  readonly sentAt: Date | undefined
  /** Note of the payer. */
  readonly note: string | undefined
  readonly createdAt: Date
}

export interface Transfers {
  /** Lists transfers that were declared as sent and not decided yet, oldest first, at most 100. Throws 422 `payments.bad-cursor`. */
  list(q: Queryable, query: { limit: number; cursor?: string | undefined }): Promise<TransferPage>
  /** Returns the pay bill or till for payments from the M-Pesa menu; undefined when none is set for this currency. */
  mpesa(currency: string): ManualMpesa | undefined
  /** Finds a transfer by payment code, attempt id, or payment id (the newest transfer). Throws 404 `payments.no-such-transfer`. */
  require(q: Queryable, name: string): Promise<ManualTransfer>
  /** Declares a transfer as sent by the payer. No other method is offered until an operator decides. Idempotent. Throws 409 when it has ended. */
  declareSent(input: { readonly intentId: string; readonly note?: string | undefined }): Promise<void>
  /**
   * Confirms that the money arrived, and credits it even if the payment has ended. `number` is the number on the bank statement; each number
   * is counted once. Idempotent. Throws 404, 409 `payments.number-used`, `payments.transfer-confirmed`, 422.
   */
  confirm(input: Confirmation, decided: OnTransferDecided): Promise<ManualTransfer>
  /** Rejects a transfer whose money did not arrive. The payer can try again, and late money can still be confirmed. Idempotent. Throws 409. */
  reject(input: { readonly id: string; readonly note: string }, decided: OnTransferDecided): Promise<ManualTransfer>
}

/** Callback inside the transaction of a decision that changed something. Callers write the audit row here. */
export type OnTransferDecided = (tx: Tx, transfer: ManualTransfer) => Promise<void>

export interface TransferPage {
  readonly items: readonly ManualTransfer[]
  readonly nextCursor?: string
}

export interface Confirmation {
  /** `att_…` */
  readonly id: string
  readonly number: string
  /** Amount that arrived. Default: the requested amount. */
  readonly amount?: Money | undefined
  /** Confirms an additional transfer, when the payer sent twice with one code. */
  readonly another?: boolean | undefined
}

/** Name of the rail of manual transfers, which an operator confirms. */
export const TRANSFER_RAIL = 'transfer'

/** Name of the rail that pays from a customer's prepaid balance. */
export const BALANCE_RAIL = 'balance'

export interface ManualMpesa {
  readonly kind: 'paybill' | 'till'
  readonly number: string
  /** Account number to enter. Undefined: the payment code (a till has none). */
  readonly account: string | undefined
}
