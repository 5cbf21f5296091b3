import { assetOf, listCurrencies } from '#money'
import type { Clock } from '#platform/base/clock'
import type { AmountLimits, Rail } from '#rails/contract'
import { BALANCE_RAIL } from './types.ts'

const ANY_AMOUNT = (): AmountLimits => ({ min: 1n, max: 10n ** 30n, step: 1n })

/**
 * A customer's prepaid balance. It has the shape of a rail without a provider: the account that a receipt's money comes from is the
 * customer's, so posting the receipt is the whole payment, and posting a refund puts the money back.
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
    // Asked only of one that has no receipt: the process that would have posted it died before.
    check: async () => ({ kind: 'failed', reason: 'expired', why: 'interrupted: nothing was taken' }),
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
