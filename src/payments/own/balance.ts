import { assetOf, currencyOf, formatAmount, listCurrencies, money } from '#money'
import type { Ledger } from '#ledger'
import type { Clock } from '#platform/clock'
import type { Tx } from '#platform/db'
import { balanceTooLow, methodNotAllowed, noCustomer } from '../errors.ts'
import type { IntentRow } from '../intent-store.ts'
import { availableOf, BALANCE_RAIL, customerAccount, isCustomers } from '../postings.ts'
import type { AmountLimits, Rail } from '#rails/contract'

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

/**
 * The rail account of a payment out of its customer's balance. Throws 422 when it has no customer, or is itself what fills the balance,
 * and 409 `payments.balance-too-low`. Two at once may both pass: the ledger then refuses the second.
 */
export async function requireFunds(tx: Tx, ledger: Ledger, intent: IntentRow, due: bigint): Promise<string> {
  const { merchantId, customer, account, asset, methods } = intent
  if (customer?.id === undefined) throw noCustomer()
  if (isCustomers(account)) throw methodNotAllowed(BALANCE_RAIL, methods)
  const { code } = availableOf({ account: customerAccount(merchantId, customer.id), asset })
  const { available } = await ledger.balance(tx, code, asset)
  const show = (amount: bigint): string => `${currencyOf(asset)} ${formatAmount(money(asset, amount))}`
  if (available < due) throw balanceTooLow(show(available), show(due))
  return `${merchantId}:${customer.id}`
}
