import { z } from 'zod'
import { defineConfig, setting, type ConfigOf } from '#platform/environment/config'

const digits = (what: string) => z.string().regex(/^\d{4,10}$/, `${what}: 4 to 10 digits`)

export const mpesaConfig = defineConfig(
  'mpesa',
  {
    consumerKey: setting('MPESA_CONSUMER_KEY', z.string().min(1).optional(), {
      doc: 'Consumer key of the Daraja app. Without it the rail is off.',
      secret: true,
      runtime: true,
    }),
    consumerSecret: setting('MPESA_CONSUMER_SECRET', z.string().min(1).optional(), {
      doc: 'Consumer secret of the Daraja app.',
      secret: true,
      runtime: true,
    }),
    shortcode: setting('MPESA_SHORTCODE', digits('a pay bill or store number').optional(), {
      doc: 'Short code: the pay bill number, or for a till the store number that the passkey belongs to.',
      runtime: true,
      example: '174379',
    }),
    passkey: setting('MPESA_PASSKEY', z.string().min(1).optional(), {
      doc: 'Passkey of the short code (Lipa na M-Pesa Online).',
      secret: true,
      runtime: true,
    }),
    transactionType: setting(
      'MPESA_TRANSACTION_TYPE',
      z.enum(['paybill', 'till'], 'paybill or till').default('paybill'),
      {
        doc: 'Type of the short code: paybill or till.',
        runtime: true,
      },
    ),
    partyB: setting('MPESA_PARTY_B', digits('a pay bill or till number').optional(), {
      doc: 'Number that receives the money: the till number when it differs from the short code.',
      runtime: true,
      example: '174379',
    }),
    initiatorName: setting('MPESA_INITIATOR_NAME', z.string().min(1).optional(), {
      doc: 'API user for payouts (B2C). Without it and its credential, refunds to phones are off.',
      runtime: true,
    }),
    securityCredential: setting('MPESA_SECURITY_CREDENTIAL', z.string().min(1).optional(), {
      doc: 'Password of the API user, encrypted by the Safaricom portal.',
      secret: true,
      runtime: true,
    }),
    b2cShortcode: setting('MPESA_B2C_SHORTCODE', digits('a short code that pays out').optional(), {
      doc: 'Short code that refunds are paid from, when it differs from the one that receives payments.',
      runtime: true,
      example: '600000',
    }),
    baseUrl: setting(
      'MPESA_BASE_URL',
      z
        .url({ protocol: /^https?$/, error: 'a URL that starts with https:// or http://' })
        .transform((url) => url.replace(/\/+$/, ''))
        .optional(),
      {
        doc: 'Base URL of the Daraja API. Default: https://api.safaricom.co.ke in live mode, https://sandbox.safaricom.co.ke in test mode.',
        example: 'https://api.safaricom.co.ke',
      },
    ),
    pull: setting('MPESA_PULL', z.stringbool('true or false').default(false), {
      doc: 'true when the short code is registered for Pull Transactions. Reconciliation then compares each day with M-Pesa’s list.',
      runtime: true,
    }),
    callbackAddresses: setting(
      'MPESA_CALLBACK_ADDRESSES',
      z
        .string()
        .transform((text) =>
          text
            .split(',')
            .map((part) => part.trim())
            .filter((part) => part !== ''),
        )
        .default([]),
      {
        doc: 'Expected source addresses of callbacks, such as 196.201.212.0/24. Callbacks from others are logged but not refused, because no official list exists.',
        runtime: true,
        example: '196.201.212.0/24,196.201.213.0/24,196.201.214.0/24',
      },
    ),
  },
  {
    problems: ({ baseUrl }, { mode }) => {
      const host = baseUrl === undefined ? '' : new URL(baseUrl).hostname
      if (mode === 'live' && host === 'sandbox.safaricom.co.ke')
        return ['MPESA_BASE_URL names the test environment with PURSER_MODE=live: remove it, or set PURSER_MODE=test']
      if (mode === 'test' && host === 'api.safaricom.co.ke')
        return ['MPESA_BASE_URL names the live environment with PURSER_MODE=test: remove it, or set PURSER_MODE=live']
      return []
    },
  },
)

export type MpesaConfig = ConfigOf<typeof mpesaConfig>
