import { z } from 'zod'
import { type ConfigOf, defineConfig, setting } from '#platform/environment/config'

const DAYS = 'a whole number of days from 1 to 365'

export const refundsConfig = defineConfig('refunds', {
  beyondBalance: setting('REFUNDS_BEYOND_BALANCE', z.enum(['refuse', 'debt'], 'refuse or debt').default('refuse'), {
    doc: 'Refunds larger than the merchant’s balance: refuse them, or turn the rest into debt that later payments repay first.',
    runtime: true,
  }),
  claimDays: setting('REFUND_CLAIM_DAYS', z.coerce.number(DAYS).int(DAYS).min(1, DAYS).max(365, DAYS).default(30), {
    doc: 'Days that a refund link is valid. On it the payer enters where the money goes.',
    runtime: true,
  }),
})

export type RefundsConfig = ConfigOf<typeof refundsConfig>
