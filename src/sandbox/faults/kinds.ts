/** Faults of a provider's responses. The text says whether the provider acts on the request first. */
export const ANSWER_FAULTS = {
  down: 'closes the connection without acting',
  slow: 'acts, and answers after "delay_ms" (60000)',
  '429': 'answers 429 with Retry-After: 180, without acting',
  '500': 'answers 500, without acting',
  '500-after-acting': 'acts, and answers 500',
  cut: 'acts, and closes the connection without an answer',
  'invalid-json': 'acts, and answers half a JSON document',
  'wrong-types': 'acts, and answers with wrong types of values',
  huge: 'acts, and answers 10 MB',
} as const

/** Faults of a provider's callbacks and events. */
export const DELIVERY_FAULTS = {
  duplicate: 'sends the event or callback twice at once',
  'lost-callback': 'never sends the event or callback',
  reorder: 'sends the event or callback five seconds late, after the following ones',
} as const

/** Faults of a price source: well-formed but wrong responses. */
export const PRICE_FAULTS = {
  lying: 'multiplies every price by "percent" / 100 (150)',
  stale: 'answers with prices of an hour ago (only coingecko sends their time)',
  ahead: 'sends times that are an hour ahead (coingecko)',
} as const

export type AnswerFault = keyof typeof ANSWER_FAULTS
export type DeliveryFault = keyof typeof DELIVERY_FAULTS
export type PriceFault = keyof typeof PRICE_FAULTS
export type FaultKind = AnswerFault | DeliveryFault | PriceFault
export type Place = 'answer' | 'delivery'

export const placeOf = (kind: FaultKind): Place => (Object.hasOwn(DELIVERY_FAULTS, kind) ? 'delivery' : 'answer')
