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
  /** Address of the API, without `/v1`. */
  readonly baseUrl: string
}

export interface NewSession {
  /** Within a day, the same key and fields return the same session. */
  readonly idempotencyKey: string
  readonly clientReferenceId: string
  /** Metadata of the session and its PaymentIntent. Stripe copies it to the charge. */
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
  /** Within a day, the same key and fields return the same refund. */
  readonly idempotencyKey: string
  readonly charge: string
  /** Stripe's minor units, in the charge's currency. */
  readonly amount: bigint
  readonly metadata: Readonly<Record<string, string>>
}

export interface StripeClient {
  /** Creates a session. A repeat returns the session as it was first created. Throws StripeFailure. */
  createSession(input: NewSession): Promise<CheckoutSession>
  /** Fetches a session with its payment, charge and fee. Throws StripeFailure. */
  fetchSession(id: string): Promise<CheckoutSession>
  /** Expires an open session. Stripe refuses it for any other session. Throws StripeFailure. */
  expireSession(id: string): Promise<CheckoutSession>
  /** Creates a refund. A repeat returns the refund as it was first created. Throws StripeFailure. */
  createRefund(input: NewRefund): Promise<CardRefund>
  /** Fetches a refund. Throws StripeFailure. */
  fetchRefund(id: string): Promise<CardRefund>
  /** Returns all refunds of a charge, newest first. Throws StripeFailure, also for more than 5,000 refunds, because the list is then incomplete. */
  listRefunds(charge: string): Promise<readonly CardRefund[]>
  /** Returns charges created in a span, newest first, 100 per page. `after` is the last id of the previous page. Throws StripeFailure. */
  listCharges(span: {
    from: Date
    to: Date
    after: string | undefined
  }): Promise<{ charges: CardCharge[]; more: boolean }>
}

const PAGE = 100
const MAX_REFUND_PAGES = 50
const EXPAND = ['payment_intent.latest_charge.balance_transaction']

export function createStripe(deps: { fetch: Fetch; settings: () => StripeSettings }): StripeClient {
  const { fetch, settings } = deps
  let current: { secretKey: Secret; library: Stripe } | undefined

  /** Returns the library object, one per key. The API address is read at each request. */
  function library({ secretKey }: StripeSettings): Stripe {
    if (current?.secretKey.reveal() === secretKey.reveal()) return current.library
    const httpClient = createHttpClient(fetch, () => settings().baseUrl)
    const created = new (loadStripe())(secretKey.reveal(), { httpClient, maxNetworkRetries: 0, telemetry: false })
    current = { secretKey, library: created }
    return created
  }

  async function ask<T>(form: z.ZodType<T>, request: (library: Stripe) => Promise<unknown>): Promise<T> {
    const now = settings()
    const answer = await request(library(now)).catch((error: unknown) => {
      throw toFailure(error, now.secretKey)
    })
    const parsed = form.safeParse(answer)
    if (parsed.success) return parsed.data
    const said = 'the response has an unknown format'
    throw new StripeFailure({ code: 'stripe.bad-answer', maybeActed: true, said, cause: parsed.error })
  }

  const call = (request: (library: Stripe) => Promise<unknown>): Promise<CheckoutSession> => ask(session, request)
  return {
    createSession: (input) =>
      call((stripe) => stripe.checkout.sessions.create(paramsOf(input), { idempotencyKey: input.idempotencyKey })),
    fetchSession: (id) => call((stripe) => stripe.checkout.sessions.retrieve(id, { expand: EXPAND })),
    expireSession: (id) => call((stripe) => stripe.checkout.sessions.expire(id)),
    createRefund: ({ idempotencyKey, charge, amount, metadata }) => {
      // The library requires a number; eight digits are exact in it.
      const params = { charge, amount: Number(amount), metadata: { ...metadata } }
      return ask(refund, (stripe) => stripe.refunds.create(params, { idempotencyKey }))
    },
    fetchRefund: (id) => ask(refund, (stripe) => stripe.refunds.retrieve(id)),
    listRefunds: async (charge) => {
      const all: CardRefund[] = []
      for (let page = 0; page < MAX_REFUND_PAGES; page++) {
        const after = all.at(-1)?.id
        const params = { charge, limit: PAGE, ...(after !== undefined && { starting_after: after }) }
        const { refunds, more } = await ask(refundList, (stripe) => stripe.refunds.list(params))
        all.push(...refunds)
        if (!more || refunds.length === 0) return all
      }
      throw new StripeFailure({
        code: 'stripe.bad-answer',
        maybeActed: true,
        said: `the charge has more than ${MAX_REFUND_PAGES * PAGE} refunds, which are not read`,
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
    // Charge in our currency: a converted amount could not be distinguished from a wrong one.
    adaptive_pricing: { enabled: false },
    client_reference_id: input.clientReferenceId,
    metadata: { ...metadata },
    payment_intent_data: { metadata: { ...metadata }, ...(description ? { description } : {}) },
    line_items: [
      {
        quantity: 1,
        price_data: {
          currency: input.currency,
          // The library requires a number; eight digits are exact in it.
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
