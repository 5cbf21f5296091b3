/** What becomes of money that is sent to a phone. */
export interface Receiver {
  readonly arrives: boolean
  /** How many times its result is sent. */
  readonly results: number
  /** What happens to the answer of the request. */
  readonly answer: 'sent' | 'cut'
  /** A notice to QueueTimeOutURL comes before all else. */
  readonly timesOut: boolean
  /** Whether a question about it finds it. */
  readonly isKnown: boolean
}

const usual: Receiver = { arrives: true, results: 1, answer: 'sent', timesOut: false, isKnown: true }

/** The list of phones says it in words. Any other phone gets its money after a second. */
const RECEIVERS: ReadonlyMap<string, Receiver> = new Map([
  ['254700000012', { ...usual, arrives: false }],
  ['254700000013', { ...usual, results: 0 }],
  ['254700000014', { ...usual, results: 0, answer: 'cut' }],
  ['254700000015', { ...usual, results: 3 }],
  ['254700000016', { ...usual, arrives: false, isKnown: false }],
  ['254700000017', { ...usual, results: 0, timesOut: true }],
])

export const receiverOf = (phone: string): Receiver => RECEIVERS.get(phone) ?? usual
