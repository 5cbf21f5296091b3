import { assetOf, listCurrencies } from '#money'
import type { Clock } from '#platform/base/clock'
import type { AmountLimits, Rail } from '#rails/contract'
import { BALANCE_RAIL } from './types.ts'

const ANY_AMOUNT = (): AmountLimits => ({ min: 1n, max: 10n ** 30n, step: 1n })

/**
 * Creates the rail of prepaid customer balances. It has no provider: a receipt debits the customer's account, so posting the receipt is the
 * payment, and posting a refund credits the customer again.
 */
export const createBalanceRail = (clock: Clock): Rail => ({
  name: BALANCE_RAIL,
  method: BALANCE_RAIL,
  assets: listCurrencies().map(assetOf),
  unavailable: () => undefined,
  limits: ANY_AMOUNT,
  collect: {
    kind: 'balance',
    needs: [],
    start: async ({ attemptId: id, amount: gross }) => ({
      kind: 'received',
      receipts: [{ id, gross, at: clock.now(), final: true, stated: true }],
    }),
    // Only an attempt without a receipt is polled: its process died before it posted.
    check: async () => ({ kind: 'failed', reason: 'expired', why: 'interrupted: the balance was not debited' }),
    checkAfterMs: [5000],
    lifetimeMs: 60_000,
  },
  refund: {
    to: 'receipt',
    unavailable: () => undefined,
    limits: ANY_AMOUNT,
    send: async ({ sendingId }) => ({ kind: 'succeeded', reference: sendingId }),
    check: async ({ sendingId }) => ({ kind: 'succeeded', reference: sendingId }),
    checkAfterMs: [5000],
  },
})
