import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Fact, InboundEvent } from '#rails/contract'
import { isId } from '#platform/base/ids'
import { STATUSES } from './codes.ts'
import { callbackBody } from './wire.ts'

/** Returns Airtel's transaction id: the attempt id without the underscore, because Airtel accepts letters and digits only. */
export const toAirtelId = (attemptId: string): string => attemptId.replace('_', '')
const toAttemptId = (id: string): string => id.replace(/^att/, 'att_')

/**
 * Whether the callback's hash was computed with the key. Airtel documents that it hashes "the callback request". Its sample hashes the body without
 * the hash; other projects found the transaction alone. Both are accepted, and both cover every field that we read.
 */
export function isSigned(rawBody: Buffer, key: string): boolean {
  const parsed = callbackBody.safeParse(parseJsonBody(rawBody))
  if (!parsed.success || !parsed.data.hash) return false
  const { transaction } = parseJsonBody(rawBody) as { transaction: unknown }
  const given = Buffer.from(parsed.data.hash, 'base64')
  return [{ transaction }, transaction].some((message) => {
    const expected = createHmac('sha256', key).update(JSON.stringify(message)).digest()
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
}

function parseJsonBody(rawBody: Buffer): unknown {
  try {
    return JSON.parse(rawBody.toString('utf8'))
  } catch {
    return undefined
  }
}

/**
 * Returns the fact of a stored callback: the payment changed. A callback has no amount and no time, so the enquiry reports the result. Ignores
 * payments of other programs that use the same application. Throws on an unknown format.
 */
export function parseCallback({ rawBody }: InboundEvent): readonly Fact[] {
  const { transaction } = callbackBody.parse(JSON.parse(rawBody.toString('utf8')))
  const attemptId = toAttemptId(transaction.id)
  if (!isId('att', attemptId)) return []
  const reference = transaction.id
  const known = Object.hasOwn(STATUSES, transaction.status_code)
  const outcome = known
    ? ({ kind: 'pending', reference } as const)
    : ({ kind: 'unknown', why: `status ${transaction.status_code}`, reference } as const)
  return [{ about: { attemptId }, outcome, needsCheck: true }]
}
