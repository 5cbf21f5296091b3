import type { ErrorCode } from './api.ts'

/** An error answer of the API. React to `code`, show `message` to people who run the shop. */
export class PurserError extends Error {
  override readonly name = 'PurserError'
  readonly status: number
  readonly code: ErrorCode
  /** The field that is wrong. */
  readonly param: string | undefined
  /** What to give to whoever runs the server. */
  readonly requestId: string | undefined
  readonly docUrl: string | undefined
  /** Seconds after which it may be tried again, if that helps. */
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

/** No answer came, or one that was cut off. With an idempotency key, ask again with the same one: nothing is done twice. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  /** The key that the request was sent with, if it was sent with one. */
  readonly idempotencyKey: string | undefined

  constructor(message: string, idempotencyKey: string | undefined, cause: unknown) {
    super(message, { cause })
    this.idempotencyKey = idempotencyKey
  }
}

/** The error of an answer that is not 2xx, whoever wrote it: a proxy in between has its own words. */
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
  const message = `The server answered ${status} without saying why.`
  return { code: `http-${status}`, message, ...(id !== null && { request_id: id }) }
}
