import { z } from 'zod'
import { isCurrency } from '#money'
import { type ConfigOf, defineConfig, setting } from '#platform/environment/config'

const DAYS = 'days, 1 to 60'
const NUMBER = 'a pay bill or till number: 4 to 10 digits'
const CURRENCIES = 'currency codes with commas between them, such as KES,USD'
/** What fits a page, and the line of a bank's form. */
const MOST = 1000

export const transfersConfig = defineConfig('transfers', {
  instructions: setting('TRANSFER_INSTRUCTIONS', z.string().trim().min(1).max(MOST).optional(), {
    doc: 'Instructions for manual transfers: bank, account, name (\\n starts a new line). A line that ends in a number gets a copy button. Without this and TRANSFER_MPESA_NUMBER manual transfers are off.',
    example: 'Example Bank\\nAccount 0100 200 300\\nName: Example Ltd',
    runtime: true,
  }),
  currencies: setting(
    'TRANSFER_CURRENCIES',
    z
      .string()
      .transform((text) => text.split(',').map((code) => code.trim()))
      .refine((codes) => codes.every(isCurrency), CURRENCIES)
      .default(['KES']),
    { doc: 'Currencies that this account accepts, separated by commas.', example: 'KES', runtime: true },
  ),
  days: setting('TRANSFER_DAYS', z.coerce.number(DAYS).int(DAYS).min(1, DAYS).max(60, DAYS).default(7), {
    doc: 'Days that a payer has for a manual transfer. Once the payer opened the instructions, the payment stays open at least this long.',
    runtime: true,
  }),
  mpesaNumber: setting(
    'TRANSFER_MPESA_NUMBER',
    z
      .string()
      .regex(/^\d{4,10}$/, NUMBER)
      .optional(),
    {
      doc: 'Pay bill or till number that payers can pay from their M-Pesa menu. Shown with manual transfers in KES; an operator confirms each one.',
      example: '174379',
      runtime: true,
    },
  ),
  mpesaKind: setting('TRANSFER_MPESA_KIND', z.enum(['paybill', 'till'], 'paybill or till').default('paybill'), {
    doc: 'Type of TRANSFER_MPESA_NUMBER: paybill or till.',
    runtime: true,
  }),
  mpesaAccount: setting('TRANSFER_MPESA_ACCOUNT', z.string().trim().min(1).max(20).optional(), {
    doc: 'Account number that all payers enter with the pay bill number. Without it payers enter their payment code.',
    runtime: true,
  }),
})

export type TransfersConfig = ConfigOf<typeof transfersConfig>
