export { createStripe, type NewSession, type StripeClient, type StripeSettings } from './client.ts'
export { StripeFailure } from './errors.ts'
export { parseEvent, readSignedEvent, type SignedEvent } from './event.ts'
export { minorUnits, type CardCharge, type CardPayment, type CheckoutSession } from './wire.ts'
