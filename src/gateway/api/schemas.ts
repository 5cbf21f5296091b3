import { z } from 'zod'
import { FAILURE_REASONS } from '#payments'

/** What the API takes and gives, as zod schemas: validation, types and the OpenAPI document all come from here. */

const amount = z
  .string()
  .meta({ description: 'Decimal string in units of the currency, with its decimals', example: '1500.00' })
const currency = z
  .string()
  .regex(/^[A-Z]{3,5}$/, 'must be a currency code in capitals such as "KES"')
  .meta({ example: 'KES' })
const timestamp = z.string().meta({ format: 'date-time', example: '2026-01-15T09:00:00.000Z' })

const PHONE = /^\d{8,15}$/
export const phone = z
  .string()
  .transform((text) => text.replace(/^\+/, ''))
  .refine(
    (text) => PHONE.test(text),
    'must be a phone number with its country code and nothing but digits, such as 254712345678',
  )
  .meta({ example: '254712345678' })

const customer = z
  .strictObject({
    name: z.string().max(200).optional(),
    email: z.email('must be an e-mail address').max(320).optional(),
    phone: phone.optional(),
  })
  .meta({ description: 'Who pays, as far as known. Fills in the checkout page.' })

const METADATA_KEYS = 50
const metadata = z
  .record(z.string().min(1).max(40), z.string().max(500))
  .refine((all) => Object.keys(all).length <= METADATA_KEYS, `has more than ${METADATA_KEYS} keys`)
  .meta({ description: 'Your own notes, given back as they are', example: { order: '1042' } })

export const METHODS_AT_MOST = 10
const EXPIRES_IN_SECONDS = { least: 60, most: 7 * 24 * 3600, usual: 3600 }

export const createPayment = z
  .strictObject({
    amount,
    currency,
    description: z.string().max(200).optional(),
    reference: z.string().max(100).optional().meta({ description: 'Your own name for it, such as an order number' }),
    methods: z
      .array(z.string().max(20))
      .min(1)
      .max(METHODS_AT_MOST)
      .optional()
      .meta({ example: ['mpesa', 'card'] }),
    customer: customer.optional(),
    return_url: z
      .url('must be an absolute URL')
      .max(2000)
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
    id: z.string().meta({ example: 'att_01kd3v…' }),
    object: z.literal('attempt'),
    payment: z.string(),
    method: z.string(),
    status: z.enum(ATTEMPT_STATUSES),
    reason: z.enum(FAILURE_REASONS).nullable(),
    redirect_url: z
      .string()
      .nullable()
      .meta({ description: "The provider's page that the payer goes to, for methods that have one" }),
    created_at: timestamp,
  })
  .meta({ id: 'Attempt' })
export type AttemptObject = z.output<typeof attempt>

export const PAYMENT_STATUSES = ['open', 'processing', 'paid', 'expired', 'canceled', 'failed', 'reversed'] as const
export const payment = z
  .object({
    id: z.string().meta({ example: 'pay_01kd3v…' }),
    object: z.literal('payment'),
    version: z.int().meta({ description: 'Grows with each change: of two copies the larger is newer' }),
    livemode: z.boolean(),
    status: z.enum(PAYMENT_STATUSES),
    amount,
    currency: z.string(),
    amount_received: amount,
    amount_due: amount,
    amount_refunded: amount,
    flags: z.object({ partial: z.boolean(), overpaid: z.boolean(), late: z.boolean() }),
    checkout_url: z.string(),
    methods: z.array(z.string()),
    description: z.string().nullable(),
    reference: z.string().nullable(),
    customer: z
      .object({ name: z.string().nullable(), email: z.string().nullable(), phone: z.string().nullable() })
      .nullable(),
    return_url: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    expires_at: timestamp,
    created_at: timestamp,
    attempts: z.array(attempt),
  })
  .meta({ id: 'Payment' })
export type PaymentObject = z.output<typeof payment>

export const paymentId = z.object({ id: z.string().max(40) })

export const startAttempt = z
  .strictObject({
    method: z.string().max(20).meta({ example: 'mpesa' }),
    phone: phone.optional(),
    email: z.email('must be an e-mail address').max(320).optional(),
  })
  .meta({ id: 'StartAttempt' })
export type StartAttempt = z.output<typeof startAttempt>

const PAGE_AT_MOST = 100
const instant = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-01-15T09:00:00Z' })
export const listPayments = z.object({
  limit: z.coerce.number().int().min(1).max(PAGE_AT_MOST).default(20),
  cursor: z.string().max(200).optional(),
  status: z.enum(PAYMENT_STATUSES).optional(),
  reference: z.string().max(100).optional(),
  created_from: instant.optional(),
  created_to: instant.optional(),
})
export type ListPayments = z.output<typeof listPayments>

export const paymentPage = z
  .object({ object: z.literal('list'), data: z.array(payment), next_cursor: z.string().nullable() })
  .meta({ id: 'PaymentList' })

export const balance = z
  .object({
    object: z.literal('balance'),
    livemode: z.boolean(),
    balances: z.array(z.object({ currency: z.string(), available: amount, pending: amount })),
  })
  .meta({ id: 'Balance' })
