import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Fact, InboundEvent } from '#rails/contract'
import { isId } from '#platform/base/ids'
import { STATUSES } from './codes.ts'
import { callbackBody } from './wire.ts'

/** Airtel wants letters and digits: an attempt's id without its underscore. */
export const idOfAttempt = (attemptId: string): string => attemptId.replace('_', '')
const attemptOfId = (id: string): string => id.replace(/^att/, 'att_')

/**
 * Whether the hash is made with the key. Airtel hashes "the callback request": its own sample has the body without the hash, others found the
 * transaction alone, so both are taken. Both hold all that is read.
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
 * What a stored callback says: that there is news. It names no amount and has no time, so the enquiry tells what became of the payment.
 * Payments of other programs of the same application say nothing to us. Throws on a form never seen.
 */
export function parseCallback({ rawBody }: InboundEvent): readonly Fact[] {
  const { transaction } = callbackBody.parse(JSON.parse(rawBody.toString('utf8')))
  const attemptId = attemptOfId(transaction.id)
  if (!isId('att', attemptId)) return []
  const reference = transaction.id
  const known = Object.hasOwn(STATUSES, transaction.status_code)
  const outcome = known
    ? ({ kind: 'pending', reference } as const)
    : ({ kind: 'unknown', why: `status ${transaction.status_code}`, reference } as const)
  return [{ about: { attemptId }, outcome, needsCheck: true }]
}
