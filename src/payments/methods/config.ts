import { z } from 'zod'
import { isCurrency } from '#money'
import { type ConfigOf, defineConfig, setting } from '#platform/config'

const CURRENCIES = 'currency codes with commas between them, such as KES,USD'
/** What fits a page, and the line of a bank's form. */
const MOST = 1000

export const transfersConfig = defineConfig('transfers', {
  instructions: setting('TRANSFER_INSTRUCTIONS', z.string().trim().min(1).max(MOST).optional(), {
    doc: 'Where payers send money by hand: bank, account, name. Shown to them as it is (\\n begins a line). Without it there are no transfers by hand.',
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
    { doc: 'Currencies that can be sent there, with commas between them.', example: 'KES', runtime: true },
  ),
})

export type TransfersConfig = ConfigOf<typeof transfersConfig>
