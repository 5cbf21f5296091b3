import { createHmac, timingSafeEqual } from 'node:crypto'

/** Creates a token that carries its expiry, so that no state is needed. */
export function makeToken(secret: string, end: Date): string {
  const endsAt = String(end.getTime())
  return `${endsAt}.${computeMac(secret, endsAt)}`
}

/** Whether the header has a token that this server signed and that has not expired. */
export function readToken(secret: string, authorization: string | undefined, now: Date): boolean {
  const [, endsAt = '', mac = ''] = /^Bearer (\d+)\.(\w+)$/.exec(authorization ?? '') ?? []
  const expected = Buffer.from(computeMac(secret, endsAt))
  const given = Buffer.from(mac)
  return (
    given.length === expected.length && timingSafeEqual(given, expected) && Number.parseInt(endsAt, 10) > now.getTime()
  )
}

const computeMac = (secret: string, text: string): string =>
  createHmac('sha256', secret).update(text).digest('hex').slice(0, 24)
