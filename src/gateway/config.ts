import { z } from 'zod'
import { isId } from '#platform/base/ids'
import { defineConfig, setting, type ConfigOf } from '#platform/environment/config'

const RANGE = 'a whole number from 1 to 100000000'

export const gatewayConfig = defineConfig('gateway', {
  requestsPerMinute: setting(
    'API_REQUESTS_PER_MINUTE',
    z.coerce.number(RANGE).int(RANGE).min(1, RANGE).max(100_000_000, RANGE).default(60_000),
    {
      doc: 'Maximum requests per minute of one API key. With REDIS_URL all instances count together; without it each instance allows this many. Further requests get 429.',
      runtime: true,
    },
  ),
  checkoutMerchant: setting(
    'CHECKOUT_MERCHANT',
    z
      .string()
      .refine((id) => isId('mer', id), 'the id of a merchant, mer_…')
      .optional(),
    {
      doc: 'Merchant of the page /checkout. Default: the only merchant.',
      example: 'mer_01kd3v00000000000000000000',
      runtime: true,
    },
  ),
})

export type GatewayConfig = ConfigOf<typeof gatewayConfig>
