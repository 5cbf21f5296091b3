export type { AttemptLimits, AttemptState, Attempt, PaymentMethod, Deposit, StartAttempt } from './attempts/types.ts'
export type { Exchange } from './exchange/types.ts'
export type { IntentLine, PaymentExports, ReceiptLine, RefundLine } from './exports/types.ts'
export {
  INTENT_STATUSES,
  type Customer,
  type Figures,
  type Flags,
  type Intent,
  type IntentChange,
  type IntentStatus,
  type ListQuery,
  type MerchantBalance,
  type NewIntent,
  type Terms,
} from './intents/types.ts'
export { transfersConfig, type TransfersConfig } from './methods/config.ts'
export type {
  Confirmation,
  CustomerBalance,
  CustomerMove,
  CustomerKey,
  Customers,
  OnTransferDecided,
  ManualTransfer,
  ManualMpesa,
  TransferPage,
  Transfers,
} from './methods/types.ts'
export { createPayments, paymentsSchema } from './payments.ts'
export type { Receipt } from './receipts/types.ts'
export { refundsConfig, type RefundsConfig } from './refunds/config.ts'
export {
  AMOUNT_BASES,
  REFUND_STATUSES,
  type AmountBasis,
  type Claim,
  type ClaimPlace,
  type NewRefund,
  type Refund,
  type RefundChange,
  type Refunds,
  type RefundStatus,
} from './refunds/types.ts'
export type { Settlement, SettlementChange, SettlementTerms } from './settlements/types.ts'
export type { BookedAttempt, BookedReceipt, Bookkeeping } from './bookkeeping/types.ts'
export type { Payments, PaymentsDeps } from './types.ts'
