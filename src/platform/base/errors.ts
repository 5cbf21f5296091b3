/**
 * An error with a code that programs can read and a message that may be shown to the caller.
 * What must stay inside (SQL, provider bodies) goes into `cause`: it is logged and never sent.
 */
export class AppError extends Error {
  override readonly name = 'AppError'
  /** `module.what-happened`, or a bare HTTP-wide code such as `idempotency-key-reused`. */
  readonly code: string
  /** HTTP status that an edge answers with. */
  readonly status: number
  /** Name of the request field that is wrong, if one is. */
  readonly param: string | undefined
  /** Seconds after which the caller may try again, if that helps. */
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

/** A broken promise of our own code: a bug, never the caller's fault. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AppError('internal', 500, `Invariant broken: ${message}`)
}

/** The error as one line, its causes included: for logs and terminals. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const text = error.message || ('code' in error ? String(error.code) : error.name)
  return error.cause === undefined ? text : `${text} (${describeError(error.cause)})`
}
