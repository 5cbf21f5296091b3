import type { Ledger } from '#ledger'
import { currencyOf, formatAmount, money } from '#money'
import type { Tx } from '#platform/database/db'
import { balanceTooLow, methodNotAllowed, noCustomer } from '../errors.ts'
import { BALANCE_RAIL } from '../methods/types.ts'
import { availableOf, customerAccount, isCustomerAccount } from '../postings.ts'
import type { IntentRow } from '../store/intents.ts'

/**
 * Returns the rail account for a payment from the customer's balance. Throws 422 when the intent has no customer or is
 * itself a top-up, and 409 `payments.balance-too-low`. Two concurrent payments can both pass; the ledger then refuses
 * the second.
 */
export async function requireCustomerFunds(tx: Tx, ledger: Ledger, intent: IntentRow, due: bigint): Promise<string> {
  const { merchantId, customer, account, asset, methods } = intent
  if (customer?.id === undefined) throw noCustomer()
  if (isCustomerAccount(account)) throw methodNotAllowed(BALANCE_RAIL, methods)
  const { code } = availableOf({ account: customerAccount(merchantId, customer.id), asset })
  const { available } = await ledger.balance(tx, code, asset)
  const show = (amount: bigint): string => `${currencyOf(asset)} ${formatAmount(money(asset, amount))}`
  if (available < due) throw balanceTooLow(show(available), show(due))
  return `${merchantId}:${customer.id}`
}
