import { z } from 'zod'
import { type ConfigOf, defineConfig, setting } from '#platform/environment/config'

const DAYS = 'a whole number of days from 1 to 365'

export const refundsConfig = defineConfig('refunds', {
  beyondBalance: setting('REFUNDS_BEYOND_BALANCE', z.enum(['refuse', 'debt'], 'refuse or debt').default('refuse'), {
    doc: 'Handling of a refund above the merchant’s balance: refuse it, or record the rest as debt that later payments repay first.',
    runtime: true,
  }),
  claimDays: setting('REFUND_CLAIM_DAYS', z.coerce.number(DAYS).int(DAYS).min(1, DAYS).max(365, DAYS).default(30), {
    doc: 'Days until a refund link expires. A payer uses it to say where the refund goes.',
    runtime: true,
  }),
})

export type RefundsConfig = ConfigOf<typeof refundsConfig>
