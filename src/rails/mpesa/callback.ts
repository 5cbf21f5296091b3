import { parseEatTimestamp, parseStkCallback, type StkCallback } from '#clients/daraja'
import { assetOf, isZero, parseAmount, type Money } from '#money'
import type { Fact, InboundEvent, Outcome } from '#rails/contract'
import { parseMobile } from '#platform/base/phone'
import { PROCESSING, reasonOf, SUCCESS } from './codes.ts'

const KES = assetOf('KES')

/** Returns the facts of a stored callback. It is not signed, so each fact requires a query. Throws on an unknown format. */
export function parseCallback(event: InboundEvent): readonly Fact[] {
  const callback = parseStkCallback(event.rawBody)
  // Some short codes get masked numbers. Only a complete number can be compared.
  const payerPhone = parseMobile(callback.items.get('PhoneNumber') ?? '', 'KE')
  return [
    {
      about: event.tokenAttemptId ? { attemptId: event.tokenAttemptId } : { reference: callback.checkoutRequestId },
      outcome: outcomeOf(callback, event.receivedAt),
      ...(payerPhone !== undefined && { payerPhone }),
      needsCheck: true,
    },
  ]
}

function outcomeOf(callback: StkCallback, receivedAt: Date): Outcome {
  const { checkoutRequestId: reference, resultCode } = callback
  if (resultCode === SUCCESS) return successOf(callback, receivedAt)
  if (resultCode === PROCESSING) return { kind: 'pending', reference }
  const reason = reasonOf(resultCode)
  return reason
    ? { kind: 'failed', reason, why: `result ${resultCode}`, reference }
    : { kind: 'unknown', why: `result ${resultCode}`, reference }
}

/** A success without metadata states no amount, so it stays pending until the query confirms it. */
function successOf({ checkoutRequestId: reference, items }: StkCallback, receivedAt: Date): Outcome {
  const stated = items.get('Amount')
  if (stated === undefined) return { kind: 'pending', reference }
  const number = items.get('MpesaReceiptNumber')
  const receipt = {
    id: reference,
    ...(number ? { number } : {}),
    gross: requireAmount(stated),
    at: parseEatTimestamp(items.get('TransactionDate') ?? '') ?? receivedAt,
    final: true,
    stated: true,
  }
  return { kind: 'received', receipts: [receipt], reference }
}

function requireAmount(stated: string): Money {
  const gross = parseAmount(stated, KES)
  if ('problem' in gross || isZero(gross))
    throw new RangeError(`The M-Pesa callback has an invalid amount: ${stated.slice(0, 40)}`)
  return gross
}
