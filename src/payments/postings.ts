import type { Account, Transfer } from '#ledger'
import type { Asset, Money } from '#money'
import { deriveUuid } from '#platform/base/ids'
import { BALANCE_RAIL } from './methods/types.ts'

/**
 * Every way payments moves money; one pure function an event. Amounts are gross, and what a provider keeps is a transfer of its own, borne by the
 * operator's fee account. The clearing account of a rail is below zero by exactly what the provider holds for us.
 */

export interface Books {
  readonly rail: string
  readonly railAccount: string
  /** Prefix of the accounts that are credited, `merchant:mer_…` or `customer:mer_…:<customer>`. */
  readonly account: string
  readonly asset: Asset
}

const CLEARING_SHARDS = 32

/** The rail of payments out of a customer's prepaid balance; its rail account is `<merchant>:<customer>`. */

/** Where the money of a receipt comes from, and goes back to. */
export const clearingOf = ({ rail, railAccount, asset }: Omit<Books, 'account'>): Account =>
  rail === BALANCE_RAIL
    ? availableOf({ account: `${CUSTOMERS}${railAccount}`, asset })
    : { code: `rail:${rail}:${railAccount}:clearing`, asset, mayOverdraw: true, shards: CLEARING_SHARDS }

const CUSTOMERS = 'customer:'

/** The accounts of what a merchant's customer has paid in advance. `customerId` is the merchant's own name for them. */
export const customerAccount = (merchantId: string, customerId: string): string =>
  `${CUSTOMERS}${merchantId}:${customerId}`

export const isCustomerAccount = (account: string): boolean => account.startsWith(CUSTOMERS)

/** Whose debt it is when the account does not have what goes back: of a customer's the merchant's, who got what was spent. */
export const debtorOf = (account: string): string =>
  isCustomerAccount(account) ? merchantAccount(account.split(':', 2)[1] ?? '') : account

export const merchantAccount = (merchantId: string): string => `merchant:${merchantId}`

const feesOf = ({ rail, railAccount, asset }: Omit<Books, 'account'>): Account => ({
  code: `rail:${rail}:${railAccount}:fees`,
  asset,
  mayOverdraw: true,
})

/** What its owner can spend. */
export const availableOf = ({ account, asset }: Pick<Books, 'account' | 'asset'>): Account => ({
  code: `${account}:${isCustomerAccount(account) ? 'balance' : 'available'}`,
  asset,
  mayOverdraw: false,
})

/** Below zero by what its owner owes. */
export const debtOf = ({ account, asset }: Pick<Books, 'account' | 'asset'>): Account => ({
  code: `${debtorOf(account)}:debt`,
  asset,
  mayOverdraw: true,
})

export interface Event {
  /** What the transfers' ids are derived from: the receipt, or the entry. */
  readonly source: string
  /** Receipt id: no personal data. */
  readonly ref: string
  readonly kind: string
}

/** Money in: what is owed is repaid first, the rest is the merchant's. `owed` and `amount` in minor units. */
export function creditTransfers(event: Event, books: Books, amount: bigint, owed: bigint): Transfer[] {
  const repaid = owed < amount ? owed : amount
  return [
    transfer(event, 'repay', clearingOf(books), debtOf(books), repaid),
    transfer(event, 'credit', clearingOf(books), availableOf(books), amount - repaid),
  ].flat()
}

/** Money back out: as much as is available, the rest becomes debt. */
export function debitTransfers(event: Event, books: Books, amount: bigint, available: bigint): Transfer[] {
  const fromAvailable = available < amount ? available : amount
  return [
    transfer(event, 'take', availableOf(books), clearingOf(books), fromAvailable),
    transfer(event, 'owe', debtOf(books), clearingOf(books), amount - fromAvailable),
  ].flat()
}

/** One for the whole desk, by asset: what it bought of one asset it owes of another. */
export const liquidityOf = (asset: Asset): Account => ({
  code: 'fx:liquidity',
  asset,
  mayOverdraw: true,
  shards: CLEARING_SHARDS,
})

export const spreadOf = (asset: Asset): Account => ({ code: 'fx:spread', asset, mayOverdraw: true })

export interface ExchangedAmounts {
  /** What arrived, in the asset of `from`. */
  readonly gross: bigint
  /** Of it, what the operator keeps. */
  readonly spread: bigint
  /** In the asset of `to`: what is credited, or taken back. */
  readonly counted: bigint
}

/** Money in one asset, owed in another: two transfers through the liquidity account, and the spread as its own. */
export function exchangeTransfers(
  event: Event,
  from: Books,
  to: Books,
  { gross, spread, counted, owed }: ExchangedAmounts & { owed: bigint },
): Transfer[] {
  const repaid = owed < counted ? owed : counted
  return [
    transfer(event, 'exchange', clearingOf(from), liquidityOf(from.asset), gross - spread),
    transfer(event, 'spread', clearingOf(from), spreadOf(from.asset), spread),
    transfer(event, 'repay', liquidityOf(to.asset), debtOf(to), repaid),
    transfer(event, 'credit', liquidityOf(to.asset), availableOf(to), counted - repaid),
  ].flat()
}

/** The same, undone. What is no longer available becomes debt. */
export function exchangeBackTransfers(
  event: Event,
  from: Books,
  to: Books,
  { gross, spread, counted, available }: ExchangedAmounts & { available: bigint },
): Transfer[] {
  const fromAvailable = available < counted ? available : counted
  return [
    transfer(event, 'take', availableOf(to), liquidityOf(to.asset), fromAvailable),
    transfer(event, 'owe', debtOf(to), liquidityOf(to.asset), counted - fromAvailable),
    transfer(event, 'exchange-back', liquidityOf(from.asset), clearingOf(from), gross - spread),
    transfer(event, 'spread-back', spreadOf(from.asset), clearingOf(from), spread),
  ].flat()
}
/** What is owed is repaid from what became available again. */
export const repayTransfers = (event: Event, books: Pick<Books, 'account' | 'asset'>, amount: bigint): Transfer[] =>
  transfer(event, 'repay', availableOf(books), debtOf(books), amount)

/** What the provider kept of a receipt. */
export function feeTransfers(event: Event, books: Books, fee: Money): Transfer[] {
  const own = { ...books, asset: fee.asset }
  return transfer(event, 'fee', feesOf(own), clearingOf(own), fee.amount)
}

function transfer(
  { source, ref, kind }: Event,
  purpose: string,
  from: Account,
  to: Account,
  amount: bigint,
): Transfer[] {
  return amount > 0n ? [{ id: deriveUuid(source, purpose), from, to, amount, kind, ref }] : []
}
