/** An error with Stripe's own text, converted to a response by the routes. */
export class WireError extends Error {
  readonly status: number
  readonly type: 'invalid_request_error' | 'idempotency_error' | 'api_error'
  readonly code: string | undefined
  readonly param: string | undefined

  constructor(
    status: number,
    message: string,
    details: { type?: WireError['type']; code?: string; param?: string } = {},
  ) {
    super(message)
    this.status = status
    this.type = details.type ?? 'invalid_request_error'
    this.code = details.code
    this.param = details.param
  }

  get body(): object {
    const { code, param, message, type } = this
    return { error: { ...(code ? { code } : {}), ...(param ? { param } : {}), message, type } }
  }
}

export const missing = (what: string, id: string): WireError =>
  new WireError(404, `No such ${what}: '${id}'`, { code: 'resource_missing', param: 'id' })
