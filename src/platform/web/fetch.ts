export { createFetch, type Fetch, type FetchDeps } from './fetch/fetch.ts'
export type { FetchAnswer, FetchRequest } from './fetch/exchange.ts'
export { FetchError, type FetchFailure } from './fetch/errors.ts'
export { badAnswer, didNothing, isRejected, parseJsonBody, requireJson, tooManyRequests } from './fetch/provider.ts'
