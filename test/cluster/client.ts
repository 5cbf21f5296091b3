/** One request of a merchant. */
export interface Call {
  readonly method: string
  readonly path: string
  readonly body?: object
  readonly idempotencyKey?: string
  readonly timeoutMs: number
}

export interface Answer {
  /** 0: no answer. */
  readonly status: number
  // API objects are untyped here: each caller states its expectations.
  readonly body: any
  /** Error code of the API, or of the connection. Undefined for a success. */
  readonly code: string | undefined
}

/** Sends one request. Never throws: a connection that failed is status 0. */
export async function call(url: string, key: string, request: Call): Promise<Answer> {
  const { method, path, body, idempotencyKey, timeoutMs } = request
  try {
    const answer = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body && { 'content-type': 'application/json' }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
      ...(body && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const text = await answer.text()
    const isJson = answer.headers.get('content-type')?.includes('json')
    const parsed = isJson ? JSON.parse(text) : {}
    return {
      status: answer.status,
      body: parsed,
      code: answer.ok ? undefined : (parsed.error?.code ?? `${answer.status}`),
    }
  } catch (error) {
    const { cause, name } = error as Error
    return { status: 0, body: {}, code: (cause as { code?: string } | undefined)?.code ?? name }
  }
}

/** Returns whether a client may repeat the request with the same idempotency key. */
export const mayRepeat = ({ status, code }: Answer): boolean =>
  status === 0 || status >= 500 || status === 429 || code === 'idempotency-in-progress'
