/** How a provider can answer wrongly. What moves money is done first where it says so. */
export const ANSWER_FAULTS = {
  down: 'closes the connection, and nothing is done',
  slow: 'does it, and answers after "delay_ms" (60000)',
  '429': 'asks for patience, with Retry-After: 180; nothing is done',
  '500': 'answers 500; nothing is done',
  '500-after-acting': 'does it, and answers 500',
  cut: 'does it, and closes the connection instead of answering',
  'invalid-json': 'does it, and answers half a document',
  'wrong-types': 'does it, and answers the right names with values of wrong types',
  huge: 'does it, and answers 10 MB',
} as const

/** How a provider can fail to tell. */
export const DELIVERY_FAULTS = {
  duplicate: 'the event or callback comes twice at once',
  'lost-callback': 'it never comes',
  reorder: 'it comes five seconds later, after those that follow',
} as const

/** Well-formed nonsense of a price source. */
export const PRICE_FAULTS = {
  lying: 'multiplies every price by "percent" / 100 (150)',
  stale: 'gives prices of an hour ago (coingecko alone dates them)',
  ahead: 'has a clock that is an hour ahead (coingecko)',
} as const

export type AnswerFault = keyof typeof ANSWER_FAULTS
export type DeliveryFault = keyof typeof DELIVERY_FAULTS
export type PriceFault = keyof typeof PRICE_FAULTS
export type FaultKind = AnswerFault | DeliveryFault | PriceFault
export type Place = 'answer' | 'delivery'

export const placeOf = (kind: FaultKind): Place => (Object.hasOwn(DELIVERY_FAULTS, kind) ? 'delivery' : 'answer')
