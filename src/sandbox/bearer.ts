import { createHmac, timingSafeEqual } from 'node:crypto'

/** A token that carries its own end, so that nothing needs to be kept. */
export function makeToken(secret: string, end: Date): string {
  const endsAt = String(end.getTime())
  return `${endsAt}.${macOf(secret, endsAt)}`
}

/** Whether the header holds a token of ours that has not ended. */
export function readToken(secret: string, authorization: string | undefined, now: Date): boolean {
  const [, endsAt = '', mac = ''] = /^Bearer (\d+)\.(\w+)$/.exec(authorization ?? '') ?? []
  const expected = Buffer.from(macOf(secret, endsAt))
  const given = Buffer.from(mac)
  return (
    given.length === expected.length && timingSafeEqual(given, expected) && Number.parseInt(endsAt, 10) > now.getTime()
  )
}

const macOf = (secret: string, text: string): string =>
  createHmac('sha256', secret).update(text).digest('hex').slice(0, 24)
