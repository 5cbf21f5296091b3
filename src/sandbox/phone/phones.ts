/** How a phone behaves. All times are of the injected clock. */
export interface Phone {
  readonly msisdn: string
  /** For the page: what it does. */
  readonly does: string
  /** When it acts by itself; undefined when it never does. */
  readonly actsAfterMs?: number
  readonly resultCode: string
  /** How many times its callback is sent, all at once. */
  readonly callbacks: number
  /** What happens to the answer of the push. */
  readonly answer: 'sent' | 'cut' | 'after-callback'
  /** Whole shillings that it pays too little. */
  readonly short: bigint
  /** For so long after the push the query says 500.001.1001. */
  readonly queryBlindMs: number
}

const ACTS_AFTER_MS = 1000
const usual = {
  actsAfterMs: ACTS_AFTER_MS,
  resultCode: '0',
  callbacks: 1,
  answer: 'sent',
  short: 0n,
  queryBlindMs: 0,
} as const

/** Phones that act by themselves. Tests of others rely on these numbers. */
export const PHONES: readonly Phone[] = [
  { ...usual, msisdn: '254700000001', does: 'Pays after a second' },
  { ...usual, msisdn: '254700000002', does: 'Has not enough money', resultCode: '1' },
  { ...usual, msisdn: '254700000003', does: 'Cancels', resultCode: '1032' },
  // Its timeout is told by the query alone, so that polling is tried too.
  {
    msisdn: '254700000004',
    does: 'Never answers; times out after a minute',
    resultCode: '1037',
    callbacks: 0,
    answer: 'sent',
    short: 0n,
    queryBlindMs: 0,
  },
  { ...usual, msisdn: '254700000005', does: 'Pays, but the callback is lost', callbacks: 0 },
  { ...usual, msisdn: '254700000006', does: 'Pays; the callback comes three times at once', callbacks: 3 },
  {
    ...usual,
    msisdn: '254700000007',
    does: 'Pays; the callback comes before the answer to the push',
    actsAfterMs: 0,
    answer: 'after-callback',
  },
  { ...usual, msisdn: '254700000008', does: 'Pays; the answer to the push is lost, the callback comes', answer: 'cut' },
  { ...usual, msisdn: '254700000009', does: 'Pays one shilling less than asked', short: 1n },
  {
    ...usual,
    msisdn: '254700000010',
    does: 'Pays; the query has no answer for 20 seconds, no callback comes',
    callbacks: 0,
    queryBlindMs: 20_000,
  },
  {
    ...usual,
    msisdn: '254700000011',
    does: 'Pays; both the answer and the callback are lost',
    callbacks: 0,
    answer: 'cut',
  },
  { ...usual, msisdn: '254700000012', does: 'Pays; money sent to it does not arrive' },
  { ...usual, msisdn: '254700000013', does: 'Pays; money sent to it arrives, and its result is lost' },
  { ...usual, msisdn: '254700000014', does: 'Pays; money sent to it arrives, and the answer and the result are lost' },
  { ...usual, msisdn: '254700000015', does: 'Pays; money sent to it arrives, and its result comes three times' },
  {
    ...usual,
    msisdn: '254700000016',
    does: 'Pays; money sent to it does not arrive, and nobody knows of it when asked',
  },
  { ...usual, msisdn: '254700000017', does: 'Pays; money sent to it arrives after a notice that it timed out' },
]

/** The same phones at Airtel: 254730000001 behaves as 254700000001 does. */
const AIRTEL_PREFIX = /^25473(?=0{5}\d\d$)/
const mpesaNumber = (msisdn: string): string => msisdn.replace(AIRTEL_PREFIX, '25470')

export const airtelNumber = (msisdn: string): string => msisdn.replace(/^25470/, '25473')

const BY_MSISDN = new Map(PHONES.map((phone) => [phone.msisdn, phone]))

/** Any other number waits for somebody to act at /sandbox. */
export const phoneOf = (msisdn: string): Phone =>
  BY_MSISDN.get(mpesaNumber(msisdn)) ?? {
    msisdn,
    does: 'Waits for you',
    resultCode: '1037',
    callbacks: 1,
    answer: 'sent',
    short: 0n,
    queryBlindMs: 0,
  }

/** A prompt of a phone that acts by itself ends after a minute, as the real ones do; a hand on /sandbox gets two. */
export const promptLifeMs = (msisdn: string): number => (actsByItself(msisdn) ? 60_000 : 120_000)

export const actsByItself = (msisdn: string): boolean => BY_MSISDN.has(mpesaNumber(msisdn))

/** What a phone decided, in Safaricom's codes and words. */
export const RESULTS: Readonly<Record<string, string>> = {
  0: 'The service request is processed successfully.',
  1: 'The balance is insufficient for the transaction.',
  1032: 'Request cancelled by user',
  1037: 'DS timeout user cannot be reached',
  4999: 'The transaction is still under processing',
}
