import type { Account, Transfer } from '#ledger'
import type { Asset, Money } from '#money'
import { deriveUuid } from '#platform/base/ids'
import { BALANCE_RAIL } from './methods/types.ts'

/**
 * All postings of payments, one pure function for each event. Amounts are gross. A provider's fee is a separate
 * transfer, borne by the operator's fee account. The clearing account of a rail is below zero by exactly the amount that the
 * provider holds for us.
 */

export interface Books {
  readonly rail: string
  readonly railAccount: string
  /** Prefix of the accounts that are credited, `merchant:mer_…` or `customer:mer_…:<customer>`. */
  readonly account: string
  readonly asset: Asset
}

const CLEARING_SHARDS = 32

/**
 * Returns the account that a receipt is credited from and returned to. For the rail `balance` this is the customer's
 * balance, and `railAccount` is `<merchant>:<customer>`.
 */
export const clearingOf = ({ rail, railAccount, asset }: Omit<Books, 'account'>): Account =>
  rail === BALANCE_RAIL
    ? availableOf({ account: `${CUSTOMERS}${railAccount}`, asset })
    : { code: `rail:${rail}:${railAccount}:clearing`, asset, mayOverdraw: true, shards: CLEARING_SHARDS }

const CUSTOMERS = 'customer:'

/** Returns the account prefix of a customer's prepaid balance. `customerId` is the merchant's id for the customer. */
export const customerAccount = (merchantId: string, customerId: string): string =>
  `${CUSTOMERS}${merchantId}:${customerId}`

export const isCustomerAccount = (account: string): boolean => account.startsWith(CUSTOMERS)

/**
 * Returns the account that bears a reversal the balance cannot cover. For a customer balance this is the merchant, who
 * already received the spent money.
 */
export const debtorOf = (account: string): string =>
  isCustomerAccount(account) ? merchantAccount(account.split(':', 2)[1] ?? '') : account

export const merchantAccount = (merchantId: string): string => `merchant:${merchantId}`

const feesOf = ({ rail, railAccount, asset }: Omit<Books, 'account'>): Account => ({
  code: `rail:${rail}:${railAccount}:fees`,
  asset,
  mayOverdraw: true,
})

/** Returns the account whose balance its owner can spend. */
export const availableOf = ({ account, asset }: Pick<Books, 'account' | 'asset'>): Account => ({
  code: `${account}:${isCustomerAccount(account) ? 'balance' : 'available'}`,
  asset,
  mayOverdraw: false,
})

/** Returns the debt account. It is below zero by the amount that its owner owes. */
export const debtOf = ({ account, asset }: Pick<Books, 'account' | 'asset'>): Account => ({
  code: `${debtorOf(account)}:debt`,
  asset,
  mayOverdraw: true,
})

export interface Event {
  /** Receipt or entry id, from which the ids of the transfers are derived. */
  readonly source: string
  /** Receipt id, free of personal data. */
  readonly ref: string
  readonly kind: string
}

/** Credits a receipt: repays the debt first, the rest becomes available. `owed` and `amount` in minor units. */
export function creditTransfers(event: Event, books: Books, amount: bigint, owed: bigint): Transfer[] {
  const repaid = owed < amount ? owed : amount
  return [
    transfer(event, 'repay', clearingOf(books), debtOf(books), repaid),
    transfer(event, 'credit', clearingOf(books), availableOf(books), amount - repaid),
  ].flat()
}

/** Debits a reversal: first from the available balance, the rest becomes debt. */
export function debitTransfers(event: Event, books: Books, amount: bigint, available: bigint): Transfer[] {
  const fromAvailable = available < amount ? available : amount
  return [
    transfer(event, 'take', availableOf(books), clearingOf(books), fromAvailable),
    transfer(event, 'owe', debtOf(books), clearingOf(books), amount - fromAvailable),
  ].flat()
}

/** Returns the desk's liquidity account for an asset: assets bought minus assets owed. */
export const liquidityOf = (asset: Asset): Account => ({
  code: 'fx:liquidity',
  asset,
  mayOverdraw: true,
  shards: CLEARING_SHARDS,
})

export const spreadOf = (asset: Asset): Account => ({ code: 'fx:spread', asset, mayOverdraw: true })

export interface ExchangedAmounts {
  /** Amount that arrived, in the asset of `from`. */
  readonly gross: bigint
  /** Part of `gross` that the operator keeps. */
  readonly spread: bigint
  /** Amount credited or debited, in the asset of `to`. */
  readonly counted: bigint
}

/**
 * Credits money in another asset: two transfers through the liquidity account, and the spread as a separate transfer.
 */
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

/** Reverses an exchange. The part that is not available becomes debt. */
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
/** Repays debt from money that became available again. */
export const repayTransfers = (event: Event, books: Pick<Books, 'account' | 'asset'>, amount: bigint): Transfer[] =>
  transfer(event, 'repay', availableOf(books), debtOf(books), amount)

/** Books the provider's fee of a receipt. */
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
