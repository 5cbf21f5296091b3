import { z } from 'zod'

/** The fields that we read of a Checkout Session. Amounts are in Stripe's minor units, which differ from ours for some currencies. */
export interface CheckoutSession {
  readonly id: string
  readonly livemode: boolean
  readonly status: string | undefined
  readonly paymentStatus: string
  readonly url: string | undefined
  readonly clientReferenceId: string | undefined
  /** Undefined until the payer has tried to pay. */
  readonly payment: CardPayment | undefined
}

export interface CardPayment {
  readonly id: string
  readonly status: string
  /** Reason of the last decline: the issuer's decline code, or Stripe's error code. */
  readonly declineCode: string | undefined
  readonly charge: CardCharge | undefined
}

export interface CardCharge {
  readonly id: string
  readonly livemode: boolean
  readonly amount: bigint
  /** Lower case, as Stripe writes it. */
  readonly currency: string
  readonly succeeded: boolean
  readonly createdAt: Date
  readonly fee: { readonly amount: bigint; readonly currency: string } | undefined
  readonly amountReturned: bigint
  readonly metadata: Readonly<Record<string, string>>
}

/** A whole number of minor units. */
export const minorUnits = z
  .int()
  .nonnegative()
  .transform((value) => BigInt(value))
const seconds = z
  .int()
  .nonnegative()
  .transform((value) => new Date(value * 1000))

const balanceTransaction = z.object({ fee: minorUnits, currency: z.string() })

const charge = z
  .object({
    id: z.string().min(1),
    livemode: z.boolean(),
    amount: minorUnits,
    currency: z.string(),
    status: z.string(),
    paid: z.boolean(),
    captured: z.boolean(),
    created: seconds,
    amount_refunded: minorUnits.default(0n),
    metadata: z.record(z.string(), z.string()).nullish(),
    // Expanded, an id, or missing: Stripe creates it after the charge.
    balance_transaction: z.union([balanceTransaction, z.string()]).nullish(),
  })
  .transform(
    ({
      id,
      livemode,
      amount,
      currency,
      status,
      paid,
      captured,
      created,
      balance_transaction: balance,
      amount_refunded: amountReturned,
      metadata,
    }): CardCharge => ({
      id,
      livemode,
      amount,
      currency,
      succeeded: status === 'succeeded' && paid && captured,
      createdAt: created,
      amountReturned,
      metadata: metadata ?? {},
      fee:
        typeof balance === 'object' && balance !== null
          ? { amount: balance.fee, currency: balance.currency }
          : undefined,
    }),
  )

export interface CardRefund {
  readonly id: string
  readonly amount: bigint
  /** Lower case, as Stripe writes it. */
  readonly currency: string
  readonly charge: string | undefined
  /** `pending`, `requires_action`, `succeeded`, `failed`, `canceled`. */
  readonly status: string | undefined
  readonly failureReason: string | undefined
  readonly metadata: Readonly<Record<string, string>>
}

const ref = z.union([z.string(), z.object({ id: z.string() }).transform(({ id }) => id)])

export const refund = z
  .object({
    id: z.string().min(1),
    object: z.literal('refund'),
    amount: minorUnits,
    currency: z.string(),
    charge: ref.nullish(),
    status: z.string().nullish(),
    failure_reason: z.string().nullish(),
    metadata: z.record(z.string(), z.string()).nullish(),
  })
  .transform((wire): CardRefund => ({
    id: wire.id,
    amount: wire.amount,
    currency: wire.currency,
    charge: wire.charge ?? undefined,
    status: wire.status ?? undefined,
    failureReason: wire.failure_reason ?? undefined,
    metadata: wire.metadata ?? {},
  }))

export const refundList = z
  .object({ object: z.literal('list'), data: z.array(refund), has_more: z.boolean().nullish() })
  .transform(({ data, has_more: more }) => ({ refunds: data, more: more === true }))

const declineSchema = z.object({ code: z.string().nullish(), decline_code: z.string().nullish() })

const payment = z
  .object({
    id: z.string().min(1),
    status: z.string(),
    latest_charge: z.union([charge, z.string()]).nullish(),
    last_payment_error: declineSchema.nullish(),
  })
  .transform(({ id, status, latest_charge: latest, last_payment_error: error }): CardPayment => ({
    id,
    status,
    declineCode: error ? (error.decline_code ?? error.code ?? 'card_declined') : undefined,
    charge: typeof latest === 'object' && latest !== null ? latest : undefined,
  }))

/** A Checkout Session, its `payment_intent` expanded or not. */
export const session = z
  .object({
    id: z.string().min(1),
    object: z.literal('checkout.session'),
    livemode: z.boolean(),
    status: z.string().nullish(),
    payment_status: z.string(),
    url: z.string().nullish(),
    client_reference_id: z.string().nullish(),
    payment_intent: z.union([payment, z.string()]).nullish(),
  })
  .transform((wire): CheckoutSession => ({
    id: wire.id,
    livemode: wire.livemode,
    status: wire.status ?? undefined,
    paymentStatus: wire.payment_status,
    url: wire.url ?? undefined,
    clientReferenceId: wire.client_reference_id ?? undefined,
    payment: typeof wire.payment_intent === 'object' && wire.payment_intent !== null ? wire.payment_intent : undefined,
  }))

/** A page of charges, newest first. */
export const chargeList = z.object({ object: z.literal('list'), data: z.array(charge), has_more: z.boolean() })
