import type { z } from 'zod'
import { AppError } from '#platform/base/errors'
import { didNothing, FetchError, isRejected, parseJsonBody, type Fetch, type FetchRequest } from '#platform/web/fetch'
import { payAnswer } from './wire.ts'

type Code = 'airtel.rejected' | 'airtel.unauthorized' | 'airtel.unavailable' | 'airtel.bad-answer'

/** Error response of Airtel, or a missing response. Contains no secret. */
export class AirtelError extends AppError {
  declare readonly code: Code
  readonly maybeActed: boolean
  /** Airtel's error code, `DP0080000…`, if the response has one. */
  readonly responseCode: string | undefined

  constructor(
    code: Code,
    text: string,
    more: { maybeActed: boolean; responseCode?: string | undefined; cause?: unknown },
  ) {
    super(code, 502, `Airtel: ${text}`, { cause: more.cause })
    this.maybeActed = more.maybeActed
    this.responseCode = more.responseCode
  }
}

/** Sends the request and parses the response by the schema. Throws AirtelError for anything else. */
export async function readAnswer<T>(fetch: Fetch, request: FetchRequest, schema: z.ZodType<T>): Promise<T> {
  const answer = await fetch(request).catch((error: unknown) => {
    if (!(error instanceof FetchError)) throw error
    throw new AirtelError('airtel.unavailable', 'no response', { maybeActed: error.maybeSent, cause: error })
  })
  const { status } = answer
  const body = parseJsonBody(answer)
  const parsed = schema.safeParse(body)
  if (status >= 200 && status < 300) {
    if (parsed.success) return parsed.data
    const cause = parsed.error
    throw new AirtelError('airtel.bad-answer', 'the response has an unknown format', { maybeActed: true, cause })
  }
  const responseCode = payAnswer.safeParse(body).data?.status.response_code ?? undefined
  const text = `it answered ${status}${responseCode ? ` (${responseCode})` : ''}`
  throw new AirtelError(codeOf(status), text, { maybeActed: !didNothing(status), responseCode })
}

function codeOf(status: number): Code {
  if (status === 401) return 'airtel.unauthorized'
  return isRejected(status) ? 'airtel.rejected' : 'airtel.unavailable'
}
