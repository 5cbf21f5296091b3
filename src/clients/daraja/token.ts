import { addMs, type Clock } from '#platform/base/clock'
import type { Fetch } from '#platform/web/fetch'
import type { Secret } from '#platform/base/secrets'
import { readResponse } from './response.ts'
import { DarajaError } from './errors.ts'
import { tokenAnswer } from './wire.ts'

export interface TokenSettings {
  readonly baseUrl: string
  readonly consumerKey: Secret
  readonly consumerSecret: Secret
}

export interface Tokens {
  /** Returns a token that is valid for at least a minute. Concurrent callers share one request. Throws DarajaError with `maybeActed: false`. */
  get(settings: TokenSettings): Promise<string>
  /** Removes this token from the cache, because Daraja refused it. A newer token stays. */
  drop(token: string): void
}

/** Time before expiry at which a token is renewed, so that it cannot expire on its way to Safaricom. */
const RENEW_BEFORE_MS = 60_000
const DEADLINE_MS = 10_000

export function createTokens({ fetch, clock }: { fetch: Fetch; clock: Clock }): Tokens {
  let held: { owner: string; token: string; renewAt: Date } | undefined
  let flight: { owner: string; promise: Promise<string> } | undefined

  async function request(settings: TokenSettings, basic: string, owner: string): Promise<string> {
    const answer = await readResponse(
      fetch,
      {
        url: `${settings.baseUrl}/oauth/v1/generate?grant_type=client_credentials`,
        headers: { authorization: `Basic ${basic}` },
        deadlineMs: DEADLINE_MS,
        label: 'daraja.token',
      },
      tokenAnswer,
      [basic, settings.consumerKey.reveal(), settings.consumerSecret.reveal()],
    ).catch((error: unknown) => {
      throw error instanceof DarajaError ? error.toTokenError() : error
    })
    const lifeMs = Number.parseInt(answer.expires_in, 10) * 1000
    const renewAt = addMs(clock.now(), Number.isFinite(lifeMs) ? lifeMs - RENEW_BEFORE_MS : 0)
    held = { owner, token: answer.access_token, renewAt }
    return answer.access_token
  }

  return {
    get: (settings) => {
      const basic = basicOf(settings)
      const owner = `${settings.baseUrl} ${basic}`
      if (held?.owner === owner && clock.now() < held.renewAt) return Promise.resolve(held.token)
      if (flight?.owner === owner) return flight.promise
      const started = { owner, promise: request(settings, basic, owner) }
      flight = started
      const land = (): void => {
        if (flight === started) flight = undefined
      }
      started.promise.then(land, land)
      return started.promise
    },
    drop: (token) => {
      if (held?.token === token) held = undefined
    },
  }
}

const basicOf = ({ consumerKey, consumerSecret }: TokenSettings): string =>
  Buffer.from(`${consumerKey.reveal()}:${consumerSecret.reveal()}`).toString('base64')
