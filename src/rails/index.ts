import type { Rail, RailKind, RailsDeps } from '#rails/contract'
import { airtel } from './airtel/index.ts'
import { bitcoin } from './bitcoin/index.ts'
import { crossmint } from './crossmint/index.ts'
import { mpesa } from './mpesa/index.ts'
import { stripe } from './stripe/index.ts'

/** Every rail there is, in the order that payers see. One without its keys is in the list and says what is missing. */
const RAILS: readonly RailKind[] = [mpesa, airtel, stripe, crossmint, bitcoin]

/** Settings of all rails, for the loader and `.env.example`. */
export const railConfigs = RAILS.map(({ config }) => config)

export const createRails = (deps: RailsDeps): readonly Rail[] => RAILS.map((rail) => rail.create(deps))
