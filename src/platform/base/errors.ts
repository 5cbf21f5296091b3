/**
 * An error with a machine-readable code and a message that may be shown to the caller.
 * Internal details (SQL, provider bodies) go into `cause`, which is logged and never sent.
 */
export class AppError extends Error {
  override readonly name = 'AppError'
  /** `module.what-happened`, or a bare HTTP-wide code such as `idempotency-key-reused`. */
  readonly code: string
  /** HTTP status of the response. */
  readonly status: number
  /** Name of the invalid request field, if any. */
  readonly param: string | undefined
  /** Seconds after which the caller may retry, if a retry can succeed. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: string, status: number, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.status = status
    this.param = details.param
    this.retryAfterSeconds = details.retryAfterSeconds
  }
}

export interface ErrorDetails {
  cause?: unknown
  param?: string
  retryAfterSeconds?: number
}

/** Throws `internal` when the condition is false. A failure is a bug in Purser, never the caller's fault. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AppError('internal', 500, `Invariant broken: ${message}`)
}

/** Renders an error and its causes as one line, for logs and terminals. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const text = error.message || ('code' in error ? String(error.code) : error.name)
  return error.cause === undefined ? text : `${text} (${describeError(error.cause)})`
}
