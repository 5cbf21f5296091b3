import { addMs, type Clock } from '#platform/base/clock'
import type { Fetch, FetchRequest } from '#platform/web/fetch'
import type { Secret } from '#platform/base/secrets'
import { AirtelError, readAnswer } from './answer.ts'
import { tokenAnswer } from './wire.ts'

export interface AirtelSettings {
  readonly baseUrl: string
  readonly clientId: Secret
  readonly clientSecret: Secret
}

export interface Tokens {
  /** Returns a valid token. Throws AirtelError with `maybeActed: false`. */
  get(settings: AirtelSettings): Promise<string>
  /** Removes this token from the cache, because Airtel refused it. A newer token stays. */
  drop(token: string): void
}

export const JSON_TYPE = { 'content-type': 'application/json', accept: '*/*' }
const DEADLINE_MS = 10_000
/** Time before expiry at which a token is renewed. Tokens last three minutes. */
const RENEW_BEFORE_MS = 30_000

export function createTokens({ fetch, clock }: { fetch: Fetch; clock: Clock }): Tokens {
  let held: { owner: string; token: string; renewAt: Date } | undefined
  async function get({ baseUrl, clientId, clientSecret }: AirtelSettings): Promise<string> {
    const owner = `${baseUrl} ${clientId.reveal()} ${clientSecret.reveal()}`
    if (held?.owner === owner && clock.now() < held.renewAt) return held.token
    const body = {
      client_id: clientId.reveal(),
      client_secret: clientSecret.reveal(),
      grant_type: 'client_credentials',
    }
    const request: FetchRequest = {
      method: 'POST',
      url: `${baseUrl}/auth/oauth2/token`,
      headers: JSON_TYPE,
      body: JSON.stringify(body),
      deadlineMs: DEADLINE_MS,
      label: 'airtel.token',
    }
    const answer = await readAnswer(fetch, request, tokenAnswer).catch((error: unknown) => {
      if (!(error instanceof AirtelError)) throw error
      // A token request moves no money, and the payer was not prompted.
      throw new AirtelError(error.code, `no token (${error.message})`, { maybeActed: false, cause: error.cause })
    })
    const lifeMs = Number.parseInt(answer.expires_in, 10) * 1000
    const renewAt = addMs(clock.now(), Number.isFinite(lifeMs) ? lifeMs - RENEW_BEFORE_MS : 0)
    held = { owner, token: answer.access_token, renewAt }
    return answer.access_token
  }

  return {
    get,
    drop: (token) => {
      if (held?.token === token) held = undefined
    },
  }
}
