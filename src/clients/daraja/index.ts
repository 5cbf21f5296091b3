export {
  createDaraja,
  type Daraja,
  type DarajaSettings,
  type PulledTransaction,
  type StkPush,
  type StkPushed,
  type StkResult,
} from './client.ts'
export { parseResult, type DarajaResult } from './result.ts'
export type { B2cPayment, Initiator } from './b2c.ts'
export { DarajaError } from './errors.ts'
export { parseStkCallback, type StkCallback } from './callback.ts'
export { eatTimestamp, parseEatTimestamp } from './time.ts'
