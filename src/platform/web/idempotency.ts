export { hashRequest } from './idempotency/hash.ts'
export { idempotencyKeyOf } from './idempotency/key.ts'
export { createIdempotency, IDEMPOTENCY_TTL_MS } from './idempotency/run.ts'
export type { Idempotency } from './idempotency/run.ts'
