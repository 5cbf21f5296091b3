import type { Rail, RailKind, RailsDeps } from '#rails/contract'
import { airtel } from './airtel/index.ts'
import { bitcoin } from './bitcoin/index.ts'
import { crossmint } from './crossmint/index.ts'
import { mpesa } from './mpesa/index.ts'
import { stripe } from './stripe/index.ts'

/** All rails, in the order in which payers see them. A rail without its keys is listed too; `unavailable` names the missing settings. */
const RAILS: readonly RailKind[] = [mpesa, airtel, stripe, crossmint, bitcoin]

/** Settings of all rails, for the loader and `.env.example`. */
export const railConfigs = RAILS.map(({ config }) => config)

/** Creates all rails. */
export const createRails = (deps: RailsDeps): readonly Rail[] => RAILS.map((rail) => rail.create(deps))
