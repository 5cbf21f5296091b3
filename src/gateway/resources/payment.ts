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

/** Zod schemas of payments in the API. Validation, types and the OpenAPI document use them. */

export const decimalAmount = z
  .string('must be a string such as "1500.00", not a number')
  .meta({ description: 'Decimal string in units of the currency, with its decimals', examples: ['1500.00'] })
export const isoCurrency = z
  .string()
  .regex(/^[A-Z]{3,5}$/, 'must be a currency code in capitals such as "KES"')
  .meta({ examples: ['KES'] })
const amount = decimalAmount
const currency = isoCurrency
const timestamp = z.string().meta({ format: 'date-time', examples: ['2026-01-15T09:00:00.000Z'] })

/** Leaves national numbers unchanged, because only the payment's methods determine their country. */
const phone = z
  .string()
  .max(MAX_PHONE_LENGTH, explainInvalidPhone())
  .transform((given) => parsePhone(given) ?? given)
  .meta({
    description:
      'Phone number with country code. If a mobile-money method accepts the currency, the national form is also accepted. Returned with country code and without plus sign.',
    examples: ['+254700000001'],
  })

export const customerRef = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'must have 1 to 64 letters, digits, dashes and underscores')
  .meta({
    description: 'Your own id of the customer. Do not use an e-mail address or a phone number: it stays in the ledger.',
    examples: ['cus-1042'],
  })

const customer = z
  .strictObject({
    id: customerRef.optional(),
    name: text(200).optional(),
    email: z.email('must be an e-mail address').max(320).optional(),
    phone: phone.optional(),
  })
  .meta({ description: 'The payer, as far as known. Prefills the checkout page.' })

const METADATA_KEYS = 50
const metadata = z
  .record(text(40).min(1), text(500))
  .refine((all) => Object.keys(all).length <= METADATA_KEYS, `has more than ${METADATA_KEYS} keys`)
  .meta({ description: 'Your own data, returned unchanged', examples: [{ order: '1042' }] })

const METHODS_AT_MOST = 10
const EXPIRES_IN_SECONDS = { least: 1, most: 7 * 24 * 3600, usual: 3600 }

export const createPayment = z
  .strictObject({
    amount,
    currency,
    description: text(200).optional().meta({ description: 'Purpose of the payment. The payer sees it.' }),
    reference: text(100).optional().meta({ description: 'Your own reference, such as an order number' }),
    methods: z
      .array(text(20))
      .min(1)
      .max(METHODS_AT_MOST)
      .optional()
      .meta({ examples: [['mpesa', 'card']] }),
    store: text(40)
      .optional()
      .meta({ description: 'Store of the payment. For the key of one store it is always that store.' }),
    customer: customer.optional(),
    top_up: z
      .boolean()
      .optional()
      .meta({ description: 'The money tops up the prepaid balance of `customer.id` instead of your balance' }),
    return_url: text(2000)
      .pipe(z.url({ protocol: /^https?$/, error: 'must be a URL that starts with https://' }))
      .optional()
      .meta({ description: 'URL to which the payer returns. Its origin must be registered for the merchant.' }),
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
    rate: z
      .string()
      .meta({ description: 'Units of `quote` for one `base`, as a decimal string', examples: ['8417500'] }),
    sources: z.array(z.string()),
    at: timestamp.meta({ description: 'Time of the prices' }),
    locked_until: timestamp
      .nullable()
      .meta({ description: 'Money first seen after this time counts at the rate of its arrival' }),
    spread_bps: z
      .int()
      .meta({ description: 'Surcharge on the rate, in hundredths of a percent. The amount includes it.' }),
  })
  .meta({ id: 'AttemptRate', description: 'Exchange rate between the amount due and the amount of the attempt' })

const arrival = z
  .object({
    id: z.string().meta({ description: 'Id at the provider, such as txid:vout' }),
    amount,
    status: z
      .enum(['seen', 'final', 'gone'])
      .meta({ description: '`seen`: not final yet. `final`: counted. `gone`: replaced or reversed.' }),
    confirmations: z.int().nullable(),
    confirmations_needed: z.int().nullable(),
    at: timestamp.meta({ description: 'Time at which it was first seen' }),
  })
  .meta({ id: 'Arrival', description: 'Money seen at the attempt’s address' })

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
      .meta({ description: 'Reason of the failure. If the attempt continues, reason of the last decline.' }),
    amount: amount.meta({ description: 'Requested amount, in `currency`' }),
    currency: z.string().meta({
      description:
        'Currency of the attempt. It differs from the payment’s if the method accepts only another currency.',
      examples: ['KES'],
    }),
    rate: exchange.nullable(),
    redirect_url: z.string().nullable().meta({ description: "URL of the provider's page, for methods that have one" }),
    address: z.string().nullable().meta({
      description:
        'Address to which the payer sends money, for methods that have one. Instructions in lines of text for a manual transfer.',
    }),
    code: z.string().nullable().meta({ description: 'Payment code that the payer writes on a manual transfer' }),
    sent_at: timestamp.nullable().meta({ description: 'Time at which the payer reported a manual transfer as sent' }),
    payment_uri: z
      .string()
      .nullable()
      .meta({ description: 'Address and amount due as a URI, for wallets and QR codes. Null if nothing is due.' }),
    amount_due: amount.nullable().meta({ description: 'Amount still due at the address, in `currency`' }),
    arrivals: z.array(arrival),
    expires_at: timestamp.nullable().meta({
      description:
        'End of the attempt: the end of a prompt, or the last day of a manual transfer. Null if only the provider knows it.',
    }),
    created_at: timestamp,
  })
  .meta({ id: 'Attempt', description: 'One attempt to pay a payment by one method' })
export type AttemptObject = z.output<typeof attempt>

const PAYMENT_STATUSES = ['open', 'processing', 'paid', 'expired', 'canceled', 'failed', 'reversed'] as const
export const payment = z
  .object({
    id: z.string().meta({ examples: ['pay_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('payment'),
    version: z.int().meta({ description: 'Increases with each change. The copy with the larger version is newer.' }),
    livemode: z.boolean(),
    status: z.enum(PAYMENT_STATUSES),
    amount,
    currency: z.string(),
    amount_received: amount,
    amount_due: amount,
    amount_refunded: amount,
    uncounted: z.array(z.object({ amount, currency: z.string() })).meta({
      description:
        'Unrefunded money that arrived in another currency and does not count towards the payment. Refund it with its `currency`.',
    }),
    flags: z.object({ partial: z.boolean(), overpaid: z.boolean(), late: z.boolean() }),
    checkout_url: z.string(),
    methods: z.array(z.string()),
    description: z.string().nullable(),
    reference: z.string().nullable(),
    store: z.string().nullable().meta({ description: 'Store of the payment' }),
    payment_link: z.string().nullable().meta({ description: 'Payment link that created the payment' }),
    customer: z
      .object({
        id: z.string().nullable(),
        name: z.string().nullable(),
        email: z.string().nullable(),
        phone: z.string().nullable(),
      })
      .nullable(),
    top_up: z.boolean().meta({ description: 'The money tops up the prepaid balance of `customer.id`' }),
    return_url: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    expires_at: timestamp,
    created_at: timestamp,
    attempts: z.array(attempt),
  })
  .meta({ id: 'Payment', description: 'A payment: the amount due, the money received, and its attempts' })
export type PaymentObject = z.output<typeof payment>

export const paymentId = z.object({ id: text(40) })

const kenyanPhone = z
  .string()
  .transform((given) => parseMobile(given, 'KE') ?? '')
  .refine((given) => given !== '', explainInvalidMobile('KE'))
  .meta({
    description: 'A Kenyan mobile number, with or without the country code',
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
  created_from: instant.optional().meta({ description: 'Created at this time or later' }),
  created_to: instant.optional().meta({ description: 'Created before this time' }),
})

export const paymentPage = z
  .object({ object: z.literal('list'), data: z.array(payment), next_cursor: z.string().nullable() })
  .meta({ id: 'PaymentList', description: 'A page of payments' })

export const exportQuery = z.strictObject({
  from: instant
    .optional()
    .meta({ description: 'Start, inclusive. Default: 31 days before `to`. At most 366 days before `to`.' }),
  to: instant.optional().meta({ description: 'End, exclusive. Default: now.' }),
})

export const balanceQuery = z.strictObject({ currency: currency.optional() })

const balanceRow = z.object({
  currency: z.string(),
  available: amount.meta({ description: 'Amount that can be paid out or refunded' }),
  pending: amount.meta({ description: 'Amount that is not available yet' }),
  debt: amount.meta({ description: 'Debt after chargebacks. New receipts repay it first.' }),
})
export type BalanceRow = z.output<typeof balanceRow>

export const balance = z
  .object({
    object: z.literal('balance'),
    livemode: z.boolean(),
    balances: z.array(balanceRow),
  })
  .meta({ id: 'Balance', description: 'Balance of the merchant, per currency' })

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
      description: 'Price sources of the rate; `fixed` is a rate that the operator set',
      examples: [['coinbase', 'coingecko', 'kraken']],
    }),
    at: timestamp.meta({ description: 'Time of the oldest price in it' }),
    age_seconds: z.int(),
    max_age_seconds: z
      .int()
      .meta({ description: 'Maximum age of a rate. If only older prices exist, the response is 503.' }),
  })
  .meta({ id: 'Rate', description: 'Current exchange rate of two currencies, before any spread' })
export type RateObject = z.output<typeof rate>
