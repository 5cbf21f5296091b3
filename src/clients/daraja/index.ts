export {
  createDaraja,
  type B2cPayment,
  type Daraja,
  type DarajaSettings,
  type Initiator,
  type PulledTransaction,
  type StkPush,
  type StkPushed,
  type StkResult,
} from './client.ts'
export { parseResult, type DarajaResult } from './result.ts'
export { DarajaError } from './errors.ts'
export { parseStkCallback, type StkCallback } from './callback.ts'
export { eatTimestamp, parseEatTimestamp } from './time.ts'
