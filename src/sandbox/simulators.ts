import { airtel } from './airtel/simulator.ts'
import { crossmint } from './crossmint/simulator.ts'
import { faultyProviders } from './faults/controls.ts'
import { PRICE_SOURCES } from './prices/routes.ts'
import type { SimulatorKind } from './simulator.ts'

/** The simulated providers that stand on their own. Daraja, Stripe, the price sources and the Bitcoin node are wired in `sandbox.ts`. */
export const SIMULATORS: readonly SimulatorKind[] = [airtel, crossmint]

/** Everybody who can be made to misbehave. */
export const FAULTY = faultyProviders(
  SIMULATORS.map(({ name }) => name),
  Object.keys(PRICE_SOURCES),
)
