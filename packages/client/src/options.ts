/** Options of one call. Every operation takes them as its last argument. */
export interface CallOptions {
  /** Idempotency key: the server processes repeated requests with the same key once. Default: a random key. */
  readonly idempotencyKey?: string
  /** Cancels the call, including its retries. */
  readonly signal?: AbortSignal
  /** Timeout of one attempt, in milliseconds. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number
}
