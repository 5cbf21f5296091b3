import type { ErrorCode } from './api.ts'

/** An error response of the API. Programs should use `code`; `message` is for people who run the shop. */
export class PurserError extends Error {
  override readonly name = 'PurserError'
  readonly status: number
  readonly code: ErrorCode
  /** Name of the invalid field. */
  readonly param: string | undefined
  /** Id of the request, for support by the operator of the server. */
  readonly requestId: string | undefined
  readonly docUrl: string | undefined
  /** Seconds after which a retry may succeed. */
  readonly retryAfterSeconds: number | undefined

  constructor(status: number, fields: ErrorFields, retryAfterSeconds?: number) {
    super(fields.message)
    this.status = status
    this.code = fields.code
    this.param = fields.param
    this.requestId = fields.request_id
    this.docUrl = fields.doc_url
    this.retryAfterSeconds = retryAfterSeconds
  }
}

interface ErrorFields {
  readonly code: string
  readonly message: string
  readonly param?: string
  readonly request_id?: string
  readonly doc_url?: string
}

/** No response arrived, or it was cut off. Retry with the same idempotency key: nothing is done twice. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  /** Idempotency key of the request, if it had one. */
  readonly idempotencyKey: string | undefined

  constructor(message: string, idempotencyKey: string | undefined, cause: unknown) {
    super(message, { cause })
    this.idempotencyKey = idempotencyKey
  }
}

/** Returns the error of a response that is not 2xx. A proxy may have sent it, so the body can have any format. */
export async function readError(answer: Response): Promise<PurserError> {
  const seconds = Number(answer.headers.get('retry-after') ?? Number.NaN)
  const retryAfter = Number.isFinite(seconds) && seconds >= 0 ? seconds : undefined
  const text = await answer.text().catch(() => '')
  return new PurserError(answer.status, parseSaid(text) ?? defaultFields(answer), retryAfter)
}

function parseSaid(text: string): ErrorFields | undefined {
  try {
    const { error } = JSON.parse(text) as { error?: Partial<ErrorFields> }
    return typeof error?.code === 'string' && typeof error.message === 'string' ? (error as ErrorFields) : undefined
  } catch {
    return undefined
  }
}

const defaultFields = ({ status, headers }: Response): ErrorFields => {
  const id = headers.get('x-request-id')
  const message = `The server returned HTTP ${status} without an error message. Check the URL of Purser and any proxy.`
  return { code: `http-${status}`, message, ...(id !== null && { request_id: id }) }
}
