/** Options of one call. Every operation takes them as its last argument. */
export interface CallOptions {
  /** Your own id of this request: however often you send it, it is done once. The client makes one unless you give it. */
  readonly idempotencyKey?: string
  /** Cancels the call, retries included. */
  readonly signal?: AbortSignal
  /** Longest time for one try, in milliseconds. Default: the client's `timeoutMs`. */
  readonly timeoutMs?: number
}
