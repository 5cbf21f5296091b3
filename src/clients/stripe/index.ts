export { createStripe, type NewRefund, type NewSession, type StripeClient, type StripeSettings } from './client.ts'
export { StripeFailure } from './errors.ts'
export { parseEvent, readSignedEvent, type SignedEvent } from './event.ts'
export {
  minorUnits,
  refund as refundForm,
  type CardCharge,
  type CardPayment,
  type CardRefund,
  type CheckoutSession,
} from './wire.ts'
