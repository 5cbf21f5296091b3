import type { SimRail } from '../books.ts'
import { airtel } from './airtel.ts'
import { balance } from './balance.ts'
import { bitcoin } from './bitcoin.ts'
import { crossmint } from './crossmint.ts'
import { mpesa } from './mpesa.ts'
import { stripe } from './stripe.ts'
import { transfer } from './transfer.ts'

/** The rails that lives are led with. A new one adds its file, and its method to what `acts/orders.ts` sells by. */
export const SIM_RAILS: readonly SimRail[] = [mpesa, airtel, stripe, crossmint, bitcoin, balance, transfer]
