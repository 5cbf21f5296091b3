/** How a payout to a phone behaves. */
export interface Receiver {
  readonly arrives: boolean
  /** Number of times the result is sent. */
  readonly results: number
  /** Whether the response to the request is sent or lost. */
  readonly answer: 'sent' | 'cut'
  /** Whether a notice to QueueTimeOutURL is sent first. */
  readonly timesOut: boolean
  /** Whether a status query finds the payout. */
  readonly isKnown: boolean
}

const usual: Receiver = { arrives: true, results: 1, answer: 'sent', timesOut: false, isKnown: true }

/** Exceptions, as the list of phones describes them. A payout to any other phone arrives after a second. */
const RECEIVERS: ReadonlyMap<string, Receiver> = new Map([
  ['254700000012', { ...usual, arrives: false }],
  ['254700000013', { ...usual, results: 0 }],
  ['254700000014', { ...usual, results: 0, answer: 'cut' }],
  ['254700000015', { ...usual, results: 3 }],
  ['254700000016', { ...usual, arrives: false, isKnown: false }],
  ['254700000017', { ...usual, results: 0, timesOut: true }],
])

export const receiverOf = (phone: string): Receiver => RECEIVERS.get(phone) ?? usual
