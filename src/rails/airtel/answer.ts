import type { z } from 'zod'
import { AppError } from '#platform/base/errors'
import { didNothing, FetchError, isRejected, parseJsonBody, type Fetch, type FetchRequest } from '#platform/web/fetch'
import { payAnswer } from './wire.ts'

type Code = 'airtel.rejected' | 'airtel.unauthorized' | 'airtel.unavailable' | 'airtel.bad-answer'

/** What Airtel said instead of an answer, or that it said nothing. Holds no secret. */
export class AirtelError extends AppError {
  declare readonly code: Code
  readonly maybeActed: boolean
  /** `DP0080000…`, where it gave one. */
  readonly said: string | undefined

  constructor(code: Code, text: string, more: { maybeActed: boolean; said?: string | undefined; cause?: unknown }) {
    super(code, 502, `Airtel: ${text}`, { cause: more.cause })
    this.maybeActed = more.maybeActed
    this.said = more.said
  }
}

/** Sends the request and reads its answer by the schema. Throws AirtelError for everything else. */
export async function readAnswer<T>(fetch: Fetch, request: FetchRequest, schema: z.ZodType<T>): Promise<T> {
  const answer = await fetch(request).catch((error: unknown) => {
    if (!(error instanceof FetchError)) throw error
    throw new AirtelError('airtel.unavailable', 'no answer', { maybeActed: error.maybeSent, cause: error })
  })
  const { status } = answer
  const body = parseJsonBody(answer)
  const parsed = schema.safeParse(body)
  if (status >= 200 && status < 300) {
    if (parsed.success) return parsed.data
    const cause = parsed.error
    throw new AirtelError('airtel.bad-answer', 'an answer of an unknown form', { maybeActed: true, cause })
  }
  const told = payAnswer.safeParse(body)
  const said = told.data?.status.response_code ?? undefined
  const maybeActed = !didNothing(status)
  throw new AirtelError(codeOf(status), `it answered ${status}${said ? ` (${said})` : ''}`, { maybeActed, said })
}

function codeOf(status: number): Code {
  if (status === 401) return 'airtel.unauthorized'
  return isRejected(status) ? 'airtel.rejected' : 'airtel.unavailable'
}
