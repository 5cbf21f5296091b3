import { addMs } from '#platform/base/clock'
import { toUnixSeconds, signatureOf } from '#platform/base/signatures'
import type { SimulatorKind } from '../simulator.ts'
import { addOrderApi, CROSSMINT } from './api.ts'
import { createOrders, NAME } from './orders.ts'
import { addCheckoutPages } from './page-routes.ts'

/** Svix's delays between attempts, in seconds (docs.svix.com/retries). */
const RETRY_SECONDS = [5, 300, 1800, 7200, 18_000, 36_000, 36_000]

export const crossmint: SimulatorKind = {
  name: NAME,
  credentials: (url, { livemode }) => ({
    CROSSMINT_API_KEY: livemode ? CROSSMINT.productionKey : CROSSMINT.stagingKey,
    CROSSMINT_WEBHOOK_SECRET: CROSSMINT.webhookSecret,
    CROSSMINT_WALLET_ADDRESS: 'SandboxWa11etOfTheMerchant1111111111111111',
    CROSSMINT_TOKEN_LOCATOR: 'solana:4zMMC9srt5Ri5X14GAgXhaHii3GnPAEERYPJgZJDncDU',
    CROSSMINT_BASE_URL: `${url}/sandbox/crossmint/api`,
  }),
  create: (deps) => {
    const { db, clock, deliver } = deps
    const orders = createOrders(deps)
    return {
      routes: (app, assets) => {
        addOrderApi(app, deps, orders)
        addCheckoutPages(app, deps, orders, assets)
      },
      timers: {
        [`${NAME}.delivery`]: async ({ subject }) => {
          await db.transaction((tx) => orders.deliver(tx, subject))
          return undefined
        },
      },
      deliveries: {
        [`${NAME}.event`]: async ({ subject: url, body, tries }) => {
          const now = clock.now()
          const { actionId } = JSON.parse(body) as { actionId: string }
          // Every copy of the event has the same id.
          const message = { id: `msg_${actionId}`, at: now, body }
          const headers = {
            'svix-id': message.id,
            'svix-timestamp': toUnixSeconds(now),
            'svix-signature': signatureOf(CROSSMINT.webhookSecret, message),
          }
          const status = await deliver.post(url, body, headers, 'sandbox.crossmint-event')
          if (status !== undefined && status >= 200 && status < 300) return undefined
          const waitSeconds = RETRY_SECONDS[tries - 1]
          return waitSeconds === undefined ? undefined : addMs(clock.now(), waitSeconds * 1000)
        },
      },
    }
  },
}
