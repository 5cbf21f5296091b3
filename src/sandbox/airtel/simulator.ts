import { createHmac } from 'node:crypto'
import type { Ids } from '#platform/base/ids'
import type { Prompt } from '../phone/store.ts'
import type { SimulatorKind } from '../simulator.ts'
import { takeTimer } from '../timers.ts'
import { addAirtelApi, AIRTEL, resultOf } from './api.ts'

/** Airtel Money in Kenya. Its phones are the M-Pesa test phones with the prefix 25473. */
export const airtel: SimulatorKind = {
  name: 'airtel',
  credentials: (url) => ({
    AIRTEL_CLIENT_ID: AIRTEL.clientId,
    AIRTEL_CLIENT_SECRET: AIRTEL.clientSecret,
    AIRTEL_CALLBACK_KEY: AIRTEL.callbackKey,
    AIRTEL_TRANSACTIONS_SUMMARY: 'true',
    AIRTEL_BASE_URL: `${url}/sandbox/airtel`,
  }),
  create: ({ db, clock, ids, prompts, endpoints, deliver }) => {
    const sendCallback = async (prompt: Prompt): Promise<void> => {
      for (const url of await db.transaction((tx) => endpoints(tx))) await deliver.callback(url, callbackBody(prompt))
    }
    prompts.addNetwork({
      name: 'airtel',
      title: 'AIRTEL MONEY',
      callbackKind: 'airtel.callback',
      receiptNumber: () => moneyId(ids, clock.now()),
      callbackBody,
      // Airtel's portal sets one callback URL for all payments of an application.
      callbackUrls: (tx) => endpoints(tx),
    })
    return {
      routes: (app) => addAirtelApi(app, { clock, prompts, sendCallback }),
      deliveries: {
        // Delete the timer before sending: a callback is sent once, even if it fails.
        'airtel.callback': async ({ id, subject, body }) => {
          if (await takeTimer(db, id)) await deliver.callback(subject, body)
          return undefined
        },
      },
    }
  },
}

/** `MP260115.1200.A12345` */
function moneyId(ids: Ids, at: Date): string {
  const stamp = at.toISOString()
  const [date, time] = [stamp.slice(2, 10).replaceAll('-', ''), stamp.slice(11, 16).replace(':', '')]
  return `MP${date}.${time}.${ids.uuid().slice(-8).toUpperCase()}`
}

/** Signs the callback as the portal's "callback authentication" does: base64 HMAC-SHA256 of the body without the hash. */
function callbackBody(prompt: Prompt): string {
  const [status, , message] = resultOf(prompt)
  const transaction = {
    id: prompt.id,
    message: `${message}. Trans ID ${prompt.receiptNumber ?? 'none'}.`,
    status_code: status,
    airtel_money_id: prompt.receiptNumber ?? '',
  }
  const hash = createHmac('sha256', AIRTEL.callbackKey).update(JSON.stringify({ transaction })).digest('base64')
  return JSON.stringify({ transaction, hash })
}
