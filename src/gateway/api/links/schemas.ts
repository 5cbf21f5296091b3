import { z } from 'zod'
import { currencyOf, formatAmount, money } from '#money'
import { isId } from '#platform/base/ids'
import type { LinkRow } from '../../links/store.ts'
import { renderButton } from '../../links/button.ts'
import type { Speech } from '../../strings/strings.ts'
import { instant, text } from '../../resources/text.ts'

/** Schemas of payment links in the API. */

const amount = z
  .string('must be a string such as "1500.00", not a number')
  .meta({ description: 'Decimal string in units of the currency', examples: ['1500.00'] })
const methods = z.array(text(20)).min(1).max(10)
const returnUrl = text(2000).pipe(z.url({ protocol: /^https?$/, error: 'must be a URL that starts with https://' }))

export const createLink = z
  .strictObject({
    currency: z.string().regex(/^[A-Z]{3,5}$/, 'must be a currency code in capitals such as "KES"'),
    amount: amount.optional().meta({ description: 'Amount to pay. Without it, the payer enters the amount.' }),
    min_amount: amount.optional().meta({ description: 'Minimum amount that a payer can enter' }),
    max_amount: amount.optional().meta({ description: 'Maximum amount that a payer can enter' }),
    description: text(200).default('').meta({ description: 'Purpose of the payment. The payer sees it.' }),
    reference: text(100).optional().meta({ description: 'Your own reference. The link’s payments carry it.' }),
    methods: methods.optional().meta({ description: 'Payment methods in display order. Default: all.' }),
    return_url: returnUrl.optional(),
    single_use: z.boolean().default(false).meta({ description: 'Closes the link when one of its payments is paid' }),
    expires_at: instant.optional().meta({ description: 'Time from which the link creates no more payments' }),
    store: text(40).optional(),
  })
  .meta({ id: 'CreatePaymentLink' })
export type CreateLink = z.output<typeof createLink>

export const updateLink = z
  .strictObject({
    description: text(200).optional(),
    reference: text(100).nullable().optional(),
    methods: methods.nullable().optional(),
    return_url: returnUrl.nullable().optional(),
    expires_at: instant.nullable().optional(),
    archived: z.boolean().optional().meta({ description: 'An archived link creates no more payments' }),
  })
  .meta({ id: 'UpdatePaymentLink', examples: [{ archived: true }] })
export type UpdateLink = z.output<typeof updateLink>

export const link = z
  .object({
    id: z.string().meta({ examples: ['lnk_01kd3vq7m2e8wtzr4c9x5bnh6f'] }),
    object: z.literal('payment_link'),
    livemode: z.boolean(),
    url: z.string().meta({ description: 'URL for payers' }),
    currency: z.string(),
    amount: amount.nullable(),
    min_amount: amount.nullable(),
    max_amount: amount.nullable(),
    description: z.string().nullable(),
    reference: z.string().nullable(),
    methods: z.array(z.string()).nullable(),
    return_url: z.string().nullable(),
    single_use: z.boolean(),
    payment: z.string().nullable().meta({ description: 'Last payment of a single-use link' }),
    store: z.string().nullable(),
    expires_at: z.string().nullable(),
    archived: z.boolean(),
    created_at: z.string().meta({ format: 'date-time' }),
    html: z
      .object({
        button: z.string().meta({
          description:
            'A form with a button, to paste into a page. It has an amount field if the payer enters the amount.',
        }),
        link: z
          .string()
          .meta({ description: 'The same as an HTML link, for e-mails and editors that do not accept forms' }),
        style: z.string().meta({
          description:
            'Optional, once per page: shows both in your colour. Or style `purser-form` and `purser-button` yourself.',
        }),
      })
      .meta({
        description: 'HTML to paste, in the language of the shop. It works without scripts and without `style`.',
      }),
  })
  .meta({ id: 'PaymentLink', description: 'A page that creates a payment for each payer' })
export type LinkObject = z.output<typeof link>

export const linkId = z.object({ id: text(40) })
export const listLinks = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z
    .string()
    .refine((given) => isId('lnk', given), 'is not valid: send next_cursor of the previous page')
    .optional(),
  archived: z.enum(['true', 'false']).optional(),
})
export const linkPage = z
  .object({ object: z.literal('list'), data: z.array(link), next_cursor: z.string().nullable() })
  .meta({ id: 'PaymentLinkList' })

export function renderLink(row: LinkRow, publicUrl: string, speech: Speech): LinkObject {
  const show = (minor: bigint | null): string | null => (minor === null ? null : formatAmount(money(row.asset, minor)))
  const url = `${publicUrl}/l/${row.id}`
  const button = renderButton(row, url, speech)
  return {
    id: row.id,
    object: 'payment_link',
    livemode: row.livemode,
    url,
    currency: currencyOf(row.asset),
    amount: show(row.amount),
    min_amount: show(row.least),
    max_amount: show(row.most),
    description: row.description || null,
    reference: row.reference,
    methods: row.methods,
    return_url: row.returnUrl,
    single_use: row.singleUse,
    payment: row.paymentId,
    store: row.storeId,
    expires_at: row.expiresAt?.toISOString() ?? null,
    archived: row.archivedAt !== null,
    created_at: row.createdAt.toISOString(),
    html: { button: button.form, link: button.link, style: button.style },
  }
}
