import type { Stripe } from 'stripe'
import type { z } from 'zod'
import type { Fetch } from '#platform/web/fetch'
import type { Secret } from '#platform/base/secrets'
import { StripeFailure, toFailure } from './errors.ts'
import { createHttpClient } from './http.ts'
import { loadStripe } from './load.ts'
import {
  chargeList,
  refund,
  refundList,
  session,
  type CardCharge,
  type CardRefund,
  type CheckoutSession,
} from './wire.ts'

export interface StripeSettings {
  readonly secretKey: Secret
  /** Without `/v1`. */
  readonly baseUrl: string
}

export interface NewSession {
  /** The same key and fields give the same session, however often they are sent within a day. */
  readonly idempotencyKey: string
  readonly clientReferenceId: string
  /** On the session and on its PaymentIntent, from where the charge takes it over. */
  readonly metadata: Readonly<Record<string, string>>
  /** Stripe's minor units, at most eight digits. */
  readonly amount: bigint
  readonly currency: string
  readonly productName: string
  readonly description: string | undefined
  readonly email: string | undefined
  readonly successUrl: string
  readonly cancelUrl: string
  readonly expiresAt: Date
}

export interface NewRefund {
  /** The same key and fields give the same refund, however often they are sent within a day. */
  readonly idempotencyKey: string
  readonly charge: string
  /** Stripe's minor units, in the charge's currency. */
  readonly amount: bigint
  readonly metadata: Readonly<Record<string, string>>
}

export interface StripeClient {
  /** Throws StripeFailure. The answer to a repeat is the session as it was first made. */
  createSession(input: NewSession): Promise<CheckoutSession>
  /** With its payment, charge and fee. Throws StripeFailure. */
  fetchSession(id: string): Promise<CheckoutSession>
  /** Ends a session that is open; Stripe refuses it for any other. Throws StripeFailure. */
  expireSession(id: string): Promise<CheckoutSession>
  /** Throws StripeFailure. The answer to a repeat is the refund as it was first made. */
  createRefund(input: NewRefund): Promise<CardRefund>
  fetchRefund(id: string): Promise<CardRefund>
  /** All of a charge, newest first. Throws StripeFailure, also for more than anybody makes of one charge: then nothing is known of those. */
  listRefunds(charge: string): Promise<readonly CardRefund[]>
  /** Charges made in a time, newest first, 100 a page; `after` is the last one of the page before. Throws StripeFailure. */
  listCharges(span: {
    from: Date
    to: Date
    after: string | undefined
  }): Promise<{ charges: CardCharge[]; more: boolean }>
}

const PAGE = 100
const MOST_REFUND_PAGES = 50
const EXPAND = ['payment_intent.latest_charge.balance_transaction']

export function createStripe(deps: { fetch: Fetch; settings: () => StripeSettings }): StripeClient {
  const { fetch, settings } = deps
  let current: { secretKey: Secret; library: Stripe } | undefined

  /** One library object per key; the address is asked at each request. */
  function library({ secretKey }: StripeSettings): Stripe {
    if (current?.secretKey.reveal() === secretKey.reveal()) return current.library
    const httpClient = createHttpClient(fetch, () => settings().baseUrl)
    const made = new (loadStripe())(secretKey.reveal(), { httpClient, maxNetworkRetries: 0, telemetry: false })
    current = { secretKey, library: made }
    return made
  }

  async function ask<T>(form: z.ZodType<T>, request: (library: Stripe) => Promise<unknown>): Promise<T> {
    const now = settings()
    const answer = await request(library(now)).catch((error: unknown) => {
      throw toFailure(error, now.secretKey)
    })
    const parsed = form.safeParse(answer)
    if (parsed.success) return parsed.data
    const said = 'an answer of an unknown form'
    throw new StripeFailure({ code: 'stripe.bad-answer', maybeActed: true, said, cause: parsed.error })
  }

  const call = (request: (library: Stripe) => Promise<unknown>): Promise<CheckoutSession> => ask(session, request)
  return {
    createSession: (input) =>
      call((stripe) => stripe.checkout.sessions.create(paramsOf(input), { idempotencyKey: input.idempotencyKey })),
    fetchSession: (id) => call((stripe) => stripe.checkout.sessions.retrieve(id, { expand: EXPAND })),
    expireSession: (id) => call((stripe) => stripe.checkout.sessions.expire(id)),
    createRefund: ({ idempotencyKey, charge, amount, metadata }) => {
      // The library takes a number here; eight digits fit one exactly.
      const params = { charge, amount: Number(amount), metadata: { ...metadata } }
      return ask(refund, (stripe) => stripe.refunds.create(params, { idempotencyKey }))
    },
    fetchRefund: (id) => ask(refund, (stripe) => stripe.refunds.retrieve(id)),
    listRefunds: async (charge) => {
      const all: CardRefund[] = []
      for (let page = 0; page < MOST_REFUND_PAGES; page++) {
        const after = all.at(-1)?.id
        const params = { charge, limit: PAGE, ...(after !== undefined && { starting_after: after }) }
        const { refunds, more } = await ask(refundList, (stripe) => stripe.refunds.list(params))
        all.push(...refunds)
        if (!more || refunds.length === 0) return all
      }
      throw new StripeFailure({
        code: 'stripe.bad-answer',
        maybeActed: true,
        said: 'more refunds of a charge than are read',
      })
    },
    listCharges: async ({ from, to, after }) => {
      const created = { gte: Math.floor(from.getTime() / 1000), lt: Math.ceil(to.getTime() / 1000) }
      const params = { created, limit: PAGE, ...(after !== undefined && { starting_after: after }) }
      const { data, has_more: more } = await ask(chargeList, (stripe) => stripe.charges.list(params))
      return { charges: data, more }
    },
  }
}

function paramsOf(input: NewSession): Stripe.Checkout.SessionCreateParams {
  const { metadata, description, email } = input
  return {
    mode: 'payment',
    allowed_payment_method_types: ['card'],
    // The payer is charged in our currency: a converted amount could not be told from a wrong one.
    adaptive_pricing: { enabled: false },
    client_reference_id: input.clientReferenceId,
    metadata: { ...metadata },
    payment_intent_data: { metadata: { ...metadata }, ...(description ? { description } : {}) },
    line_items: [
      {
        quantity: 1,
        price_data: {
          currency: input.currency,
          // The library takes a number here; eight digits fit one exactly.
          unit_amount: Number(input.amount),
          product_data: { name: input.productName },
        },
      },
    ],
    ...(email ? { customer_email: email } : {}),
    success_url: input.successUrl,
    cancel_url: input.cancelUrl,
    expires_at: Math.floor(input.expiresAt.getTime() / 1000),
  }
}
