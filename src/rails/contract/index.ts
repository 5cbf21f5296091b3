export { type AmountLimits } from './limits.ts'
export { FAILURE_REASONS, type FailureReason, type Outcome, type RailReceipt } from './outcome.ts'
export {
  type AttemptRef,
  type Collect,
  type CollectKind,
  type CollectRequest,
  type Payer,
  type PaymentUriInput,
} from './collect.ts'
export {
  type ProviderRefund,
  type RefundFact,
  type RefundOutcome,
  type RefundRef,
  type RefundRequest,
  type Refunding,
} from './refund.ts'
export {
  type CallbackPurpose,
  type TokenRefund,
  type Fact,
  type InboundEvent,
  type InboundRequest,
  type Verdict,
  type Webhook,
} from './webhook.ts'
export { type PollResult, type Watch, type Watched } from './watch.ts'
export { type RailStatement, type StatementLine, type StatementPage, type StatementSpan } from './statement.ts'
export { defineRail, type Rail, type RailDeps, type RailKind, type RailsDeps } from './rail.ts'
