import { z } from 'zod'
import { currencyOf, formatAmount } from '#money'
import { AMOUNT_BASES, REFUND_STATUSES, type Refund } from '#payments'
import { FAILURE_REASONS } from '#rails/contract'
import { text } from './text.ts'
import { isoCurrency } from './payment.ts'

/** Schemas and rendering of refunds in the API. */

const timestamp = z.string().meta({ format: 'date-time', examples: ['2026-01-15T09:00:00.000Z'] })
const amount = z
  .string('must be a string such as "500.00", not a number')
  .meta({ description: 'Decimal string in units of the currency, with its decimals', examples: ['500.00'] })

export const createRefund = z
  .strictObject({
    amount: amount
      .optional()
      .meta({ description: 'Amount in `currency`. Default: the whole refundable amount.', examples: ['500.00'] }),
    currency: isoCurrency.optional().meta({
      description:
        'Currency of money that arrived in another currency and does not count (`uncounted`). Default: the currency of the payment.',
    }),
    reason: text(200).optional().meta({ description: 'Your own note. A payer with a refund link sees it.' }),
    method: z.enum(['auto', 'claim']).default('auto').meta({
      description:
        '`auto`: to the original payment method if possible, else by a refund link. `claim`: always by a refund link.',
    }),
    amount_basis: z.enum(AMOUNT_BASES).default('paid_rate').meta({
      description: 'Exchange rate of the refund, for money that arrived in another currency than the payment’s',
    }),
  })
  .nullable()
  .meta({ id: 'CreateRefund', examples: [{ amount: '500.00', reason: 'One mug was broken' }] })

export const refund = z
  .object({
    id: z.string().meta({ examples: ['re_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('refund'),
    version: z.int().meta({ description: 'Increases with each change. The copy with the larger version is newer.' }),
    livemode: z.boolean(),
    payment: z.string(),
    status: z.enum(REFUND_STATUSES).meta({
      description:
        '`pending`: in progress; Purser queries the provider for the result. `claimable`: send `claim_url` to the payer. `failed`: the money is in your balance again.',
    }),
    amount,
    currency: z.string(),
    amount_basis: z.enum(AMOUNT_BASES),
    reason: z.string().nullable(),
    origin: z
      .enum(['merchant', 'provider'])
      .meta({ description: '`provider`: created in the provider’s own dashboard' }),
    method: z
      .string()
      .nullable()
      .meta({ description: 'Method that sends it. Null while a refund link waits for the payer.' }),
    destination: z
      .string()
      .nullable()
      .meta({ description: 'Masked destination', examples: ['2547*****678'] }),
    number: z.string().nullable().meta({ description: 'Receipt number that the payer sees' }),
    failure: z
      .enum(FAILURE_REASONS)
      .nullable()
      .meta({ description: 'Reason of the failure. For a refund link, reason of the last failed transfer.' }),
    claim_url: z.string().nullable().meta({
      description:
        'Page on which the payer enters the destination. Anyone with this URL can claim the money, so send it only to the payer. Null in lists and events, for keys without `payments:write`, and after use.',
    }),
    claim_expires_at: timestamp.nullable(),
    created_at: timestamp,
    ended_at: timestamp.nullable(),
  })
  .meta({ id: 'Refund', description: 'Money returned to a payer' })
export type RefundObject = z.output<typeof refund>

export const refundPage = z
  .object({ object: z.literal('list'), data: z.array(refund), next_cursor: z.string().nullable() })
  .meta({ id: 'RefundList', description: 'A page of refunds' })

const cursor = z.string().max(200).optional().meta({ description: '`next_cursor` of the previous page' })
export const listRefunds = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor,
  status: z.enum(REFUND_STATUSES).optional(),
})

export const refundId = z.object({ id: text(40) })

export interface RenderOptions {
  readonly publicUrl: string
  readonly livemode: boolean
  /** Whether the reader may see the refund link. */
  readonly claim: boolean
}

const claimUrl = (publicUrl: string, id: string, secret: string): string => `${publicUrl}/refund/${id}?c=${secret}`

export const renderRefund = (one: Refund, { publicUrl, livemode, claim }: RenderOptions): RefundObject => ({
  id: one.id,
  object: 'refund',
  version: one.version,
  livemode,
  payment: one.intentId,
  status: one.status,
  amount: formatAmount(one.amount),
  currency: currencyOf(one.amount.asset),
  amount_basis: one.amountBasis,
  reason: one.note || null,
  origin: one.origin,
  method: one.rail ?? null,
  destination: one.phone ?? null,
  number: one.number ?? null,
  failure: one.reason ?? null,
  claim_url: claim && one.claim ? claimUrl(publicUrl, one.id, one.claim.secret.reveal()) : null,
  claim_expires_at: one.claim?.expiresAt.toISOString() ?? null,
  created_at: one.createdAt.toISOString(),
  ended_at: one.endedAt?.toISOString() ?? null,
})
