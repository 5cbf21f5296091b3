/** How a phone behaves. Times are by the injected clock. */
export interface Phone {
  readonly msisdn: string
  /** Behaviour, as the page describes it. */
  readonly does: string
  /** Delay before it answers automatically. Undefined when it never does. */
  readonly actsAfterMs?: number
  readonly resultCode: string
  /** Number of times its callback is sent, all at once. */
  readonly callbacks: number
  /** Whether the response to the push is sent, lost, or sent after the callback. */
  readonly answer: 'sent' | 'cut' | 'after-callback'
  /** Underpayment in whole shillings. */
  readonly short: bigint
  /** Time after the push during which a query answers 500.001.1001. */
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

/** Phones that answer automatically. Other tests rely on these numbers. */
export const PHONES: readonly Phone[] = [
  { ...usual, msisdn: '254700000001', does: 'Pays after a second' },
  { ...usual, msisdn: '254700000002', does: 'Has insufficient funds', resultCode: '1' },
  { ...usual, msisdn: '254700000003', does: 'Cancels', resultCode: '1032' },
  // Only the query reports its timeout, so that polling is tested too.
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
  { ...usual, msisdn: '254700000006', does: 'Pays; the callback is sent three times at once', callbacks: 3 },
  {
    ...usual,
    msisdn: '254700000007',
    does: 'Pays; the callback is sent before the response to the push',
    actsAfterMs: 0,
    answer: 'after-callback',
  },
  {
    ...usual,
    msisdn: '254700000008',
    does: 'Pays; the response to the push is lost, the callback is sent',
    answer: 'cut',
  },
  { ...usual, msisdn: '254700000009', does: 'Pays one shilling less than asked', short: 1n },
  {
    ...usual,
    msisdn: '254700000010',
    does: 'Pays; the query has no result for 20 seconds, and no callback is sent',
    callbacks: 0,
    queryBlindMs: 20_000,
  },
  {
    ...usual,
    msisdn: '254700000011',
    does: 'Pays; the response and the callback are lost',
    callbacks: 0,
    answer: 'cut',
  },
  { ...usual, msisdn: '254700000012', does: 'Pays; a payout to it does not arrive' },
  { ...usual, msisdn: '254700000013', does: 'Pays; a payout to it arrives, but the result is lost' },
  { ...usual, msisdn: '254700000014', does: 'Pays; a payout to it arrives, but the response and the result are lost' },
  { ...usual, msisdn: '254700000015', does: 'Pays; a payout to it arrives, and the result is sent three times' },
  {
    ...usual,
    msisdn: '254700000016',
    does: 'Pays; a payout to it does not arrive, and a status query does not find it',
  },
  { ...usual, msisdn: '254700000017', does: 'Pays; a payout to it arrives after a timeout notice' },
]

/** The same phones at Airtel: 254730000001 behaves like 254700000001. */
const AIRTEL_PREFIX = /^25473(?=0{5}\d\d$)/
const mpesaNumber = (msisdn: string): string => msisdn.replace(AIRTEL_PREFIX, '25470')

export const airtelNumber = (msisdn: string): string => msisdn.replace(/^25470/, '25473')

const BY_MSISDN = new Map(PHONES.map((phone) => [phone.msisdn, phone]))

/** Other numbers stay pending until approved or declined on /sandbox. */
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

/** Returns how long a prompt waits: a minute on phones that answer automatically, as on real ones; two minutes for a person on /sandbox. */
export const promptLifeMs = (msisdn: string): number => (actsByItself(msisdn) ? 60_000 : 120_000)

export const actsByItself = (msisdn: string): boolean => BY_MSISDN.has(mpesaNumber(msisdn))

/** Results of a phone, in Safaricom's codes and words. */
export const RESULTS: Readonly<Record<string, string>> = {
  0: 'The service request is processed successfully.',
  1: 'The balance is insufficient for the transaction.',
  1032: 'Request cancelled by user',
  1037: 'DS timeout user cannot be reached',
  4999: 'The transaction is still under processing',
}
