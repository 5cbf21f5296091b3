import { z } from 'zod'
import { defineConfig, setting, type ConfigOf } from '#platform/environment/config'

const TEST_HOST = 'openapiuat.airtel.africa'

export const airtelConfig = defineConfig(
  'airtel',
  {
    clientId: setting('AIRTEL_CLIENT_ID', z.string().min(1).optional(), {
      doc: 'Client id of the application at developers.airtel.africa (collection, Kenya). Without it Airtel Money is off.',
      secret: true,
      runtime: true,
    }),
    clientSecret: setting('AIRTEL_CLIENT_SECRET', z.string().min(1).optional(), {
      doc: 'Client secret of the application.',
      secret: true,
      runtime: true,
    }),
    callbackKey: setting('AIRTEL_CALLBACK_KEY', z.string().min(8).optional(), {
      doc: 'Private key of the callback authentication, from the application’s settings; the callback URL there is /api/webhook/airtel. Without it the endpoint is off and payments are polled.',
      secret: true,
      runtime: true,
    }),
    summary: setting('AIRTEL_TRANSACTIONS_SUMMARY', z.stringbool('true or false').default(false), {
      doc: 'true when the application has the product Transactions Summary. Reconciliation then compares each day with Airtel’s list.',
      runtime: true,
    }),
    baseUrl: setting(
      'AIRTEL_BASE_URL',
      z
        .url({ protocol: /^https?$/, error: 'a URL that starts with https:// or http://' })
        .transform((url) => url.replace(/\/+$/, ''))
        .optional(),
      {
        doc: `Base URL of the Airtel API. Default: https://openapi.airtel.africa in live mode, https://${TEST_HOST} in test mode.`,
        example: 'https://openapi.airtel.africa',
      },
    ),
  },
  {
    problems: ({ baseUrl }, { mode }) => {
      const host = baseUrl === undefined ? '' : new URL(baseUrl).hostname
      if (mode === 'live' && host.startsWith('openapiuat.'))
        return ['AIRTEL_BASE_URL names the test environment with PURSER_MODE=live: remove it, or set PURSER_MODE=test']
      if (mode === 'test' && host.startsWith('openapi.'))
        return ['AIRTEL_BASE_URL names the live environment with PURSER_MODE=test: remove it, or set PURSER_MODE=live']
      return []
    },
  },
)

export type AirtelConfig = ConfigOf<typeof airtelConfig>
