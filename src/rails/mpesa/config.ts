import { z } from 'zod'
import { defineConfig, setting, type ConfigOf } from '#platform/environment/config'

const digits = (what: string) => z.string().regex(/^\d{4,10}$/, `${what}: 4 to 10 digits`)

export const mpesaConfig = defineConfig(
  'mpesa',
  {
    consumerKey: setting('MPESA_CONSUMER_KEY', z.string().min(1).optional(), {
      doc: 'Consumer key of the Daraja app. The rail is off without it.',
      secret: true,
      runtime: true,
    }),
    consumerSecret: setting('MPESA_CONSUMER_SECRET', z.string().min(1).optional(), {
      doc: 'Consumer secret of the Daraja app.',
      secret: true,
      runtime: true,
    }),
    shortcode: setting('MPESA_SHORTCODE', digits('a pay bill or store number').optional(), {
      doc: 'Pay bill number; for a till the store number that the passkey belongs to.',
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
        doc: 'Kind of the short code: paybill or till.',
        runtime: true,
      },
    ),
    partyB: setting('MPESA_PARTY_B', digits('a pay bill or till number').optional(), {
      doc: 'Receiver of the money: the till number, if it differs from the short code.',
      runtime: true,
      example: '174379',
    }),
    initiatorName: setting('MPESA_INITIATOR_NAME', z.string().min(1).optional(), {
      doc: 'API user for B2C payments. Without it and its credential, refunds to phones are off.',
      runtime: true,
    }),
    securityCredential: setting('MPESA_SECURITY_CREDENTIAL', z.string().min(1).optional(), {
      doc: 'Password of that user, encrypted by Safaricom’s portal.',
      secret: true,
      runtime: true,
    }),
    b2cShortcode: setting('MPESA_B2C_SHORTCODE', digits('a short code that pays out').optional(), {
      doc: 'Short code that pays refunds, if it differs from MPESA_SHORTCODE.',
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
        doc: 'Address of Daraja. Default: https://api.safaricom.co.ke in live mode, https://sandbox.safaricom.co.ke in test mode.',
        example: 'https://api.safaricom.co.ke',
      },
    ),
    pull: setting('MPESA_PULL', z.stringbool('true or false').default(false), {
      doc: 'Set it if the short code is registered for Pull Transactions. Each day is then compared with M-Pesa’s list.',
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
        doc: 'Expected addresses of callbacks, such as 196.201.212.0/24. Others are logged, never refused, because no official list exists.',
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
