import { airtel } from './airtel/simulator.ts'
import { crossmint } from './crossmint/simulator.ts'
import { faultyProviders } from './faults/controls.ts'
import { PRICE_SOURCES } from './prices/routes.ts'
import type { SimulatorKind } from './simulator.ts'

/** Self-contained simulated providers. Daraja, Stripe, the price sources and the Bitcoin node are wired in `sandbox.ts`. */
export const SIMULATORS: readonly SimulatorKind[] = [airtel, crossmint]

/** Every provider that can fail. */
export const FAULTY = faultyProviders(
  SIMULATORS.map(({ name }) => name),
  Object.keys(PRICE_SOURCES),
)
