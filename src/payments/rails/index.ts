import type { Rail } from '#payments/rail'
import type { Clock } from '#platform/clock'
import type { Mode } from '#platform/config'
import type { Fetch } from '#platform/fetch'
import type { Log } from '#platform/log'
import { createMpesaRail, mpesaConfig, type MpesaConfig } from './mpesa/index.ts'
import { createStripeRail, stripeConfig, type StripeConfig } from './stripe/index.ts'

export { mpesaConfig, stripeConfig, type MpesaConfig, type StripeConfig }

/** Settings of all rails, for the loader and `.env.example`. */
export const railConfigs = [mpesaConfig, stripeConfig] as const

export interface RailsDeps {
  mode: Mode
  fetch: Fetch
  clock: Clock
  log: Log
  /** Asked at each use: a rail's settings may change while the program runs. */
  mpesa: () => MpesaConfig
  stripe: () => StripeConfig
}

/** Every rail there is, in the order that payers see. One without its keys is in the list and says what is missing. */
export function createRails({ mode, fetch, clock, log, mpesa, stripe }: RailsDeps): readonly Rail[] {
  return [
    createMpesaRail({ mode, fetch, clock, log: log.child({ module: 'rail-mpesa' }), config: mpesa }),
    createStripeRail({ mode, fetch, clock, config: stripe }),
  ]
}
