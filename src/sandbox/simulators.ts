import { airtel } from './airtel/simulator.ts'
import { crossmint } from './crossmint/simulator.ts'
import type { SimulatorKind } from './simulator.ts'

/** The simulated providers that stand on their own. Daraja, Stripe, the price sources and the Bitcoin node are wired in `sandbox.ts`. */
export const SIMULATORS: readonly SimulatorKind[] = [airtel, crossmint]
