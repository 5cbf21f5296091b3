import { isCountedNumber, lockNumber } from '../store/receipts.ts'
import { TRANSFER_RAIL } from '../methods/types.ts'
import type { Transfer } from '#ledger'
import { currencyOf, formatAmount, type Money } from '#money'
import type { Tx } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import { isId } from '#platform/base/ids'
import type { UnattributedMoney } from '../bookkeeping/types.ts'
import { type Context, railOf } from '../context.ts'
import { type AttemptRow, insertAttempt } from '../store/attempts.ts'
import { lockIntent, type IntentRow } from '../store/intents.ts'
import { newAttempt } from './attempts.ts'
import { applyOutcome } from './outcomes.ts'

/**
 * Counts money that names no attempt as a receipt of a payment. The receipt has the provider's id of the money, so that later news of the same
 * money finds it. The transfers are added to `transfers`, which the caller posts.
 */
export async function creditManually(
  tx: Tx,
  context: Context,
  given: UnattributedMoney,
  { contended, transfers }: { contended: boolean; transfers: Transfer[] },
): Promise<{ merchantId: string; counted: boolean }> {
  const { intentId, gross, providerId: id, number, at } = given
  const intent = isId('pay', intentId) ? await lockIntent(tx, intentId) : undefined
  if (!intent) throw noSuchPayment()
  if (gross.asset !== intent.asset) throw otherCurrency(gross, currencyOf(intent.asset))
  // A manual pay bill payment is in the provider's list too. Once an operator confirmed it, it is not credited again.
  const quoted = (number ?? id).toUpperCase()
  await lockNumber(tx, quoted)
  if (await isCountedNumber(tx, [TRANSFER_RAIL], quoted)) return { merchantId: intent.merchantId, counted: false }
  const attempt = newManualAttempt(context, given, intent)
  await insertAttempt(tx, attempt)
  const receipt = { id, ...(number !== undefined && { number }), gross, at, final: true, stated: true }
  const outcome = { kind: 'received' as const, receipts: [receipt] }
  const { refused } = await applyOutcome(tx, context, { attempt, outcome, from: 'event' }, { contended, transfers })
  return { merchantId: intent.merchantId, counted: refused === undefined }
}

/** The attempt that carries the receipt. It is abandoned from the start, so nothing polls it, and the receipt settles it. */
function newManualAttempt(
  context: Context,
  { rail: name, railAccount, gross }: UnattributedMoney,
  intent: IntentRow,
): AttemptRow {
  const rail = railOf(context, name)
  if (!rail?.collect)
    throw new AppError(
      'payments.rail-unavailable',
      503,
      `The rail ${name} is not configured. Configure it before you credit its money.`,
    )
  const opening = {
    intent,
    rail: { ...rail, collect: rail.collect },
    railAccount,
    ask: { amount: gross, tolerance: 0n, exchange: undefined },
    payer: {},
    returnUrl: '',
    requestKey: null,
  }
  return {
    ...newAttempt(context, { ...opening, now: context.clock.now() }),
    railAccount,
    state: 'abandoned',
    dueAt: null,
    claimedBy: null,
  }
}

const noSuchPayment = (): AppError =>
  new AppError('payments.not-found', 404, 'There is no such payment. Check its id.', { param: 'payment' })

const otherCurrency = (gross: Money, currency: string): AppError =>
  new AppError(
    'payments.case-other-currency',
    409,
    `The money is ${currencyOf(gross.asset)} ${formatAmount(gross)} and the payment is in ${currency}. Credit a payment in ${currencyOf(gross.asset)}, or refund the money at the provider.`,
    { param: 'payment' },
  )
