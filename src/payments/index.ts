export type {
  Attempt,
  Customer,
  Figures,
  Intent,
  IntentChange,
  ListQuery,
  MerchantBalance,
  NewIntent,
  PaymentMethod,
  Payments,
  PaymentsDeps,
  Receipt,
  Sighting,
  StartAttempt,
  Terms,
} from './face.ts'
export type { Exchange } from './exchange.ts'
export type { Settlement } from './settlements/settlements.ts'
export type { SettlementTerms } from './settlements/terms.ts'
export { paymentsCommands } from './commands.ts'
export { CASE_KINDS, CASE_STATES } from './reconciliation/case-store.ts'
export { CASE_ACTIONS, type Case, type Reconciliation } from './reconciliation/cases.ts'
export type { IntentLine, PaymentExports, ReceiptLine, RefundLine } from './exports.ts'
export type { AttemptLimits } from './limits.ts'
export { createPayments, paymentsSchema } from './payments.ts'
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
} from './refunds/face.ts'
export { transfersConfig, type TransfersConfig } from './own/config.ts'
export type { MpesaByHand } from './own/transfer.ts'
export type { CustomerBalance, CustomerMove, CustomerOf, Customers } from './own/customers.ts'
export type { Confirmation, Decided, ManualTransfer, TransferPage, Transfers } from './own/transfers.ts'
export { INTENT_STATUSES, type AttemptState, type Flags, type IntentStatus } from './state.ts'
export { FAILURE_REASONS, type FailureReason } from './rail.ts'
export type { SettlementChange } from './settlements/tell.ts'
