import { z } from 'zod'
import { defineConfig, setting, type ConfigOf, type Mode } from '#platform/environment/config'

const locator = z
  .string()
  .regex(/^[a-z0-9-]+:[\w-]+(?::[\w-]+)?$/i, 'a locator such as solana:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v')

/** Names that start with CROSSMINT, as the guides have them; the older pair of key and project still works. */
export const crossmintConfig = defineConfig(
  'crossmint',
  {
    apiKey: setting('CROSSMINT_API_KEY', z.string().min(8).optional(), {
      doc: 'Server key with the scopes orders.create, orders.read (sk_production_…, sk_staging_…), or the older client secret. Without it Crossmint is off.',
      secret: true,
      runtime: true,
      aliases: ['CROSSMINT_CLIENT_SECRET'],
      example: 'sk_production_…',
    }),
    clientId: setting('CROSSMINT_CLIENT_ID', z.string().min(1).optional(), {
      doc: 'Project id. Required only with an older client secret.',
      runtime: true,
      aliases: ['CROSSMINT_PROJECT_ID'],
    }),
    webhookSecret: setting(
      'CROSSMINT_WEBHOOK_SECRET',
      z
        .string()
        .regex(/^whsec_[A-Za-z0-9+/]{16,}={0,2}$/, 'a secret that starts with whsec_')
        .optional(),
      {
        doc: 'Signing secret of the webhook endpoint /api/webhook/crossmint. Without it the endpoint is off and payments are polled.',
        secret: true,
        runtime: true,
        example: 'whsec_…',
      },
    ),
    wallet: setting('CROSSMINT_WALLET_ADDRESS', z.string().min(20).max(100).optional(), {
      doc: 'Your wallet, which receives what payers buy.',
      runtime: true,
    }),
    tokenLocator: setting('CROSSMINT_TOKEN_LOCATOR', locator.optional(), {
      doc: 'Stablecoin that a payment buys, as chain:address.',
      runtime: true,
      example: 'solana:EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v',
    }),
    collectionLocator: setting(
      'CROSSMINT_COLLECTION_LOCATOR',
      z
        .string()
        .transform((text) => (text.includes(':') ? text : `crossmint:${text}`))
        .pipe(locator)
        .optional(),
      {
        doc: 'Collection that payments buy from, instead of a stablecoin.',
        runtime: true,
        aliases: ['CROSSMINT_COLLECTION_ID'],
        example: 'crossmint:<collection id>',
      },
    ),
    paymentMethod: setting(
      'CROSSMINT_PAYMENT_METHOD',
      z
        .string()
        .regex(/^[a-z0-9-]+$/)
        .default('card'),
      {
        doc: 'Initial payment method of an order: card, or a chain such as base or solana. The payer can change it on the page.',
        runtime: true,
      },
    ),
    baseUrl: setting(
      'CROSSMINT_BASE_URL',
      z
        .url({ protocol: /^https?$/, error: 'a URL that starts with https:// or http://' })
        .transform((url) => url.replace(/\/+$/, ''))
        .optional(),
      {
        doc: 'Base URL of the Crossmint API. Default: https://www.crossmint.com/api in live mode, https://staging.crossmint.com/api in test mode.',
        example: 'https://www.crossmint.com/api',
      },
    ),
  },
  {
    problems: ({ apiKey, baseUrl, tokenLocator, collectionLocator }, { mode }) => {
      const wrongKey = apiKey && keyProblem(apiKey.reveal(), mode)
      const wrongHost =
        baseUrl !== undefined && mode === 'live' && new URL(baseUrl).hostname === 'staging.crossmint.com'
          ? 'CROSSMINT_BASE_URL names the test environment with PURSER_MODE=live: remove it, or set PURSER_MODE=test'
          : undefined
      const both =
        tokenLocator !== undefined && collectionLocator !== undefined
          ? 'CROSSMINT_TOKEN_LOCATOR and CROSSMINT_COLLECTION_LOCATOR are both set: remove one'
          : undefined
      return [wrongKey, wrongHost, both].filter((problem) => problem !== undefined)
    },
  },
)

export type CrossmintConfig = ConfigOf<typeof crossmintConfig>

/** Why the key does not belong in this mode. An older client secret does not say what it is for. */
export function keyProblem(key: string, mode: Mode): string | undefined {
  const [, kind] = /^[sc]k_(production|staging)_/.exec(key) ?? []
  if (key.startsWith('ck_'))
    return 'CROSSMINT_API_KEY is a client-side key: set a server-side one, which starts with sk_'
  if (kind === undefined) return undefined
  const wanted = mode === 'live' ? 'production' : 'staging'
  return kind === wanted
    ? undefined
    : `CROSSMINT_API_KEY is a ${kind} key with PURSER_MODE=${mode}: set a key that starts with sk_${wanted}_`
}
