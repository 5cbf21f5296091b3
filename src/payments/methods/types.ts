import type { Money } from '#money'
import type { Queryable, Tx } from '#platform/database/db'
import type { AttemptState } from '../attempts/types.ts'

/** Prepaid balances. They belong to the customers of one merchant; `customerId` is that merchant's own name for them. */
export interface Customers {
  /** One row per currency they ever had, 1000 at most. */
  balance(q: Queryable, of: CustomerOf): Promise<CustomerBalance[]>
  /**
   * Credits the customer out of the merchant's available balance. Repeats of one `id` change nothing. Throws 409 `ledger.insufficient-funds`, `ledger.transfer-mismatch` for an id that was used otherwise.
   */
  topUp(tx: Tx, move: CustomerMove): Promise<'posted' | 'repeated'>
  /** The other way: the merchant's desk sold something for it. The same rules. */
  spend(tx: Tx, move: CustomerMove): Promise<'posted' | 'repeated'>
}

export interface CustomerOf {
  readonly merchantId: string
  readonly customerId: string
}

export interface CustomerMove extends CustomerOf {
  /** Of the event that it is for; the ids of the postings are derived from it. */
  readonly id: string
  readonly amount: Money
  /** What it is about, for the books: no personal data. */
  readonly ref: string
}

export interface CustomerBalance {
  readonly currency: string
  readonly available: Money
}

/** A transfer by hand: what the payer was asked to send, and what they said of it. */
export interface ManualTransfer {
  /** `att_…` */
  readonly id: string
  readonly intentId: string
  readonly merchantId: string
  /** The payment code, which the payer was asked to write on it. */
  readonly code: string | undefined
  readonly amount: Money
  readonly status: AttemptState
  readonly sentAt: Date | undefined
  /** The payer's words. */
  readonly note: string | undefined
  readonly createdAt: Date
}

export interface Transfers {
  /** Those that payers say they have sent and nobody has decided on, longest ago first. At most 100. Throws 422 `payments.bad-cursor`. */
  list(q: Queryable, query: { limit: number; cursor?: string | undefined }): Promise<TransferPage>
  /** The pay bill or till that takes payments by hand from the M-Pesa menu; undefined when none is set or takes the currency. */
  mpesa(currency: string): MpesaByHand | undefined
  /** By its payment code, the attempt's id, or the payment's, of which the newest is taken. Throws 404 `payments.no-such-transfer`. */
  require(q: Queryable, name: string): Promise<ManualTransfer>
  /** The payer says that it was sent: no other way is offered until a person has decided. Repeatable. Throws 409 when it is over. */
  sent(input: { readonly intentId: string; readonly note?: string | undefined }): Promise<void>
  /**
   * A person has found the money. It is credited whatever became of the payment meanwhile, and once for each `number`, the one that the bank's
   * books have. Repeatable. Throws 404, 409 `payments.number-used`, `payments.transfer-confirmed`, 422.
   */
  confirm(input: Confirmation, decided: Decided): Promise<ManualTransfer>
  /** A person has looked and it is not there: the payer can try again. Money that comes later can still be confirmed. Repeatable. Throws 409. */
  reject(input: { readonly id: string; readonly note: string }, decided: Decided): Promise<ManualTransfer>
}

/** Runs in the transaction that decides, when it changes something: for the audit. */
export type Decided = (tx: Tx, transfer: ManualTransfer) => Promise<void>

export interface TransferPage {
  readonly items: readonly ManualTransfer[]
  readonly nextCursor?: string
}

export interface Confirmation {
  /** `att_…` */
  readonly id: string
  readonly number: string
  /** What came; what was asked for unless told. */
  readonly amount?: Money | undefined
  /** It is another one than what was confirmed before: the payer sent twice with one code. */
  readonly another?: boolean | undefined
}

/** Name of the rail that pays from a customer's prepaid balance. */
export const BALANCE_RAIL = 'balance'

export interface MpesaByHand {
  readonly kind: 'paybill' | 'till'
  readonly number: string
  /** Account number to enter. Undefined: the payment code (a till has none). */
  readonly account: string | undefined
}
