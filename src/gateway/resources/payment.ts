import { z } from 'zod'
import { FAILURE_REASONS } from '#rails/contract'
import { instant, text } from './text.ts'
import {
  explainInvalidMobile,
  explainInvalidPhone,
  parseMobile,
  parsePhone,
  MAX_PHONE_LENGTH,
} from '#platform/base/phone'

/** What the API takes and gives, as zod schemas: validation, types and the OpenAPI document all come from here. */

export const minorAmount = z
  .string('must be a string such as "1500.00", not a number')
  .meta({ description: 'Decimal string in units of the currency, with its decimals', examples: ['1500.00'] })
export const isoCurrency = z
  .string()
  .regex(/^[A-Z]{3,5}$/, 'must be a currency code in capitals such as "KES"')
  .meta({ examples: ['KES'] })
const amount = minorAmount
const currency = isoCurrency
const timestamp = z.string().meta({ format: 'date-time', examples: ['2026-01-15T09:00:00.000Z'] })

/** National forms stay as they are: only the payment says which country they are from. */
const phone = z
  .string()
  .max(MAX_PHONE_LENGTH, explainInvalidPhone())
  .transform((given) => parsePhone(given) ?? given)
  .meta({
    description:
      'With its country code; in a currency that mobile money takes, also in the national form of its country. Given back with the country code and without the plus',
    examples: ['+254700000001'],
  })

export const customerRef = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must have 1 to 64 letters, digits, dashes and underscores')
  .meta({
    description: 'Your own name for the customer, not an e-mail address or a phone number: it stays in the books',
    examples: ['cus-1042'],
  })

const customer = z
  .strictObject({
    id: customerRef.optional(),
    name: text(200).optional(),
    email: z.email('must be an e-mail address').max(320).optional(),
    phone: phone.optional(),
  })
  .meta({ description: 'Who pays, as far as known. Fills in the checkout page.' })

const METADATA_KEYS = 50
const metadata = z
  .record(text(40).min(1), text(500))
  .refine((all) => Object.keys(all).length <= METADATA_KEYS, `has more than ${METADATA_KEYS} keys`)
  .meta({ description: 'Your own notes, given back as they are', examples: [{ order: '1042' }] })

const METHODS_AT_MOST = 10
const EXPIRES_IN_SECONDS = { least: 1, most: 7 * 24 * 3600, usual: 3600 }

export const createPayment = z
  .strictObject({
    amount,
    currency,
    description: text(200).optional().meta({ description: 'What it is for: the payer sees it' }),
    reference: text(100).optional().meta({ description: 'Your own name for it, such as an order number' }),
    methods: z
      .array(text(20))
      .min(1)
      .max(METHODS_AT_MOST)
      .optional()
      .meta({ examples: [['mpesa', 'card']] }),
    store: text(40).optional().meta({ description: 'The store that sells it; of a key of one store always that' }),
    customer: customer.optional(),
    top_up: z
      .boolean()
      .optional()
      .meta({ description: 'What is paid goes to the prepaid balance of `customer.id`, and not to yours' }),
    return_url: text(2000)
      .pipe(z.url({ protocol: /^https?$/, error: 'must be a URL that starts with https://' }))
      .optional()
      .meta({ description: 'Where the payer goes after; its origin must be registered for the merchant' }),
    expires_in: z
      .int()
      .min(EXPIRES_IN_SECONDS.least)
      .max(EXPIRES_IN_SECONDS.most)
      .default(EXPIRES_IN_SECONDS.usual)
      .meta({ description: 'Seconds until it expires' }),
    metadata: metadata.optional(),
  })
  .meta({ id: 'CreatePayment' })
export type CreatePayment = z.output<typeof createPayment>

const exchange = z
  .object({
    base: z.string().meta({ examples: ['BTC'] }),
    quote: z.string().meta({ examples: ['KES'] }),
    rate: z.string().meta({ description: 'Units of quote for one of base, as a decimal', examples: ['8417500'] }),
    sources: z.array(z.string()),
    at: timestamp.meta({ description: 'When the prices in it were so' }),
    locked_until: timestamp
      .nullable()
      .meta({ description: 'What is first seen after it counts by the rate of its arrival' }),
    spread_bps: z.int().meta({ description: 'Hundredths of a percent in the amount on top of the rate' }),
  })
  .meta({ id: 'AttemptRate', description: 'How the amount was made of what was due' })

const arrival = z
  .object({
    id: z.string().meta({ description: 'The provider’s name for it, such as txid:vout' }),
    amount,
    status: z
      .enum(['seen', 'final', 'gone'])
      .meta({ description: 'seen: on its way. final: counted. gone: replaced, or taken back' }),
    confirmations: z.int().nullable(),
    confirmations_needed: z.int().nullable(),
    at: timestamp.meta({ description: 'When it was first seen' }),
  })
  .meta({ id: 'Arrival', description: 'Money that was seen at the attempt’s address' })

export const ATTEMPT_STATUSES = [
  'created',
  'submitting',
  'pending',
  'unknown',
  'settled',
  'failed',
  'abandoned',
] as const
export const attempt = z
  .object({
    id: z.string().meta({ examples: ['att_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('attempt'),
    payment: z.string(),
    method: z.string(),
    status: z.enum(ATTEMPT_STATUSES),
    reason: z
      .enum(FAILURE_REASONS)
      .nullable()
      .meta({ description: 'Why it failed; on one that goes on, why the payer was refused last' }),
    amount: amount.meta({ description: 'What was asked for, in `currency`' }),
    currency: z.string().meta({
      description: 'Of the attempt: another than the payment’s where the method takes only that',
      examples: ['KES'],
    }),
    rate: exchange.nullable(),
    redirect_url: z
      .string()
      .nullable()
      .meta({ description: "The provider's page that the payer goes to, for methods that have one" }),
    address: z.string().nullable().meta({
      description: 'Where the payer sends to, for methods that have one; of a transfer by hand, lines of text',
    }),
    code: z.string().nullable().meta({ description: 'The payment code, which the payer writes on a transfer by hand' }),
    sent_at: timestamp.nullable().meta({ description: 'When the payer said that a transfer by hand was sent' }),
    payment_uri: z
      .string()
      .nullable()
      .meta({ description: 'The same with what is due, for wallets and QR codes; null when nothing is' }),
    amount_due: amount.nullable().meta({ description: 'What is still to be sent to the address, in `currency`' }),
    arrivals: z.array(arrival),
    expires_at: timestamp.nullable().meta({
      description:
        'Until when the payer can pay on it: the end of a prompt, the last day of a transfer by hand; null where only the provider knows',
    }),
    created_at: timestamp,
  })
  .meta({ id: 'Attempt', description: 'One try to pay' })
export type AttemptObject = z.output<typeof attempt>

const PAYMENT_STATUSES = ['open', 'processing', 'paid', 'expired', 'canceled', 'failed', 'reversed'] as const
export const payment = z
  .object({
    id: z.string().meta({ examples: ['pay_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('payment'),
    version: z.int().meta({ description: 'Grows with each change: of two copies the larger is newer' }),
    livemode: z.boolean(),
    status: z.enum(PAYMENT_STATUSES),
    amount,
    currency: z.string(),
    amount_received: amount,
    amount_due: amount,
    amount_refunded: amount,
    uncounted: z.array(z.object({ amount, currency: z.string() })).meta({
      description:
        'Money that came in another currency and counts for nothing, what of each arrival is left: refund it with its `currency`',
    }),
    flags: z.object({ partial: z.boolean(), overpaid: z.boolean(), late: z.boolean() }),
    checkout_url: z.string(),
    methods: z.array(z.string()),
    description: z.string().nullable(),
    reference: z.string().nullable(),
    store: z.string().nullable().meta({ description: 'The store that it was made in' }),
    payment_link: z.string().nullable().meta({ description: 'The link that it was made by' }),
    customer: z
      .object({
        id: z.string().nullable(),
        name: z.string().nullable(),
        email: z.string().nullable(),
        phone: z.string().nullable(),
      })
      .nullable(),
    top_up: z.boolean().meta({ description: 'What is paid goes to the prepaid balance of `customer.id`' }),
    return_url: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    expires_at: timestamp,
    created_at: timestamp,
    attempts: z.array(attempt),
  })
  .meta({ id: 'Payment', description: 'A payment: what is owed, what came of it' })
export type PaymentObject = z.output<typeof payment>

export const paymentId = z.object({ id: text(40) })

const kenyanPhone = z
  .string()
  .transform((given) => parseMobile(given, 'KE') ?? '')
  .refine((given) => given !== '', explainInvalidMobile('KE'))
  .meta({
    description: 'A Kenyan mobile number, national or with its country code',
    examples: ['+254700000001', '0700 000 001'],
  })

export const startAttempt = z
  .strictObject({
    method: text(20).meta({ examples: ['mpesa'] }),
    phone: kenyanPhone.optional(),
    email: z.email('must be an e-mail address').max(320).optional(),
  })
  .meta({ id: 'StartAttempt' })
export type StartAttempt = z.output<typeof startAttempt>

const PAGE_AT_MOST = 100
export const listPayments = z.strictObject({
  limit: z.coerce.number().int().min(1).max(PAGE_AT_MOST).default(20),
  cursor: z.string().max(200).optional(),
  status: z.enum(PAYMENT_STATUSES).optional(),
  reference: text(100).optional(),
  store: text(40).optional(),
  created_from: instant.optional().meta({ description: 'Made at this time or later' }),
  created_to: instant.optional().meta({ description: 'Made before this time' }),
})

export const paymentPage = z
  .object({ object: z.literal('list'), data: z.array(payment), next_cursor: z.string().nullable() })
  .meta({ id: 'PaymentList', description: 'A page of payments' })

export const exportQuery = z.strictObject({
  from: instant
    .optional()
    .meta({ description: 'Included; 31 days before `to` unless told, 366 days before it at most' }),
  to: instant.optional().meta({ description: 'Not included; now unless told' }),
})

export const balanceQuery = z.strictObject({ currency: currency.optional() })

const balanceRow = z.object({
  currency: z.string(),
  available: amount.meta({ description: 'What can be paid out or refunded' }),
  pending: amount.meta({ description: 'What is not available yet' }),
  debt: amount.meta({ description: 'What is owed after chargebacks; repaid first by what comes in' }),
})
export type BalanceRow = z.output<typeof balanceRow>

export const balance = z
  .object({
    object: z.literal('balance'),
    livemode: z.boolean(),
    balances: z.array(balanceRow),
  })
  .meta({ id: 'Balance', description: 'What the merchant owns' })

export const rateQuery = z.strictObject({ base: currency.meta({ examples: ['BTC'] }), quote: currency })

export const rate = z
  .object({
    object: z.literal('rate'),
    livemode: z.boolean(),
    base: currency.meta({ examples: ['BTC'] }),
    quote: currency,
    rate: z.string().meta({
      description: 'Units of `quote` for one `base`: a decimal string with up to 18 significant digits',
      examples: ['8417500'],
    }),
    sources: z.array(z.string()).meta({
      description: 'Whose prices are in it; `fixed` is one that the operator set',
      examples: [['coinbase', 'coingecko', 'kraken']],
    }),
    at: timestamp.meta({ description: 'When the oldest price in it was so' }),
    age_seconds: z.int(),
    max_age_seconds: z.int().meta({ description: 'An older rate is never given: the answer is then 503' }),
  })
  .meta({ id: 'Rate', description: 'What one unit of a currency is worth in another now, before any spread' })
export type RateObject = z.output<typeof rate>
