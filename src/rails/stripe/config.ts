import { z } from 'zod'
import { defineConfig, setting, type ConfigOf, type Mode } from '#platform/environment/config'

export const stripeConfig = defineConfig(
  'stripe',
  {
    secretKey: setting(
      'STRIPE_SECRET_KEY',
      z
        .string()
        .regex(/^[sr]k_(test|live)_\w+$/, 'a key that starts with sk_ or rk_')
        .optional(),
      {
        doc: 'Secret or restricted key. Without it cards are off.',
        secret: true,
        runtime: true,
        example: 'sk_live_…',
      },
    ),
    webhookSecret: setting(
      'STRIPE_WEBHOOK_SECRET',
      z.string().startsWith('whsec_', 'a secret that starts with whsec_').optional(),
      {
        doc: 'Signing secret of the webhook endpoint. Without it the endpoint is off and payments are polled.',
        secret: true,
        runtime: true,
        example: 'whsec_…',
      },
    ),
    baseUrl: setting(
      'STRIPE_BASE_URL',
      z
        .url({ protocol: /^https?$/, error: 'a URL that starts with https:// or http://' })
        .transform((url) => url.replace(/\/+$/, ''))
        .default('https://api.stripe.com'),
      { doc: 'Base URL of the Stripe API.' },
    ),
  },
  {
    problems: ({ secretKey }, { mode }) => {
      const problem = secretKey && keyProblem(secretKey.reveal(), mode)
      return problem ? [problem] : []
    },
  },
)

export type StripeConfig = ConfigOf<typeof stripeConfig>

/** Why the key does not belong in this mode. Real cards in a test desk, or test cards in a live one, must never be. */
export function keyProblem(key: string, mode: Mode): string | undefined {
  const kind = key.includes('_live_') ? 'live' : 'test'
  const wanted = mode === 'live' ? 'live' : 'test'
  return kind === wanted
    ? undefined
    : `STRIPE_SECRET_KEY is a ${kind} key with PURSER_MODE=${mode}: set a key that starts with sk_${wanted}_`
}
