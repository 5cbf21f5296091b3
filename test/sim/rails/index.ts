import type { SimRail } from '../books.ts'
import { airtel } from './airtel.ts'
import { balance } from './balance.ts'
import { bitcoin } from './bitcoin.ts'
import { crossmint } from './crossmint.ts'
import { mpesa } from './mpesa.ts'
import { stripe } from './stripe.ts'
import { transfer } from './transfer.ts'

/** Rails of the simulation. To add a rail, add its file here, and its method to the offers in `acts/orders.ts`. */
export const SIM_RAILS: readonly SimRail[] = [mpesa, airtel, stripe, crossmint, bitcoin, balance, transfer]
