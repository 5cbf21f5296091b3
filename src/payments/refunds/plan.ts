import { type Asset, money } from '#money'
import type { Rail, Refunding } from '#rails/contract'
import { BALANCE_RAIL } from '../methods/types.ts'
import {
  nothingToRefund,
  rateNotPossible,
  refundInParts,
  refundToBalance,
  refundTooLarge,
} from '../reservations/errors.ts'
import type { RefundPart } from '../store/refunds.ts'
import type { AmountBasis } from './types.ts'

/** A receipt, with the facts that a refund needs. */
export interface Refundable {
  readonly receiptId: string
  readonly rail: string
  readonly railAccount: string
  /** The provider's id of the receipt. */
  readonly providerId: string
  /** The money arrived in another asset and was exchanged, so it cannot be refunded by its rail. */
  readonly exchanged: boolean
  readonly phone: string | undefined
  /** Refundable amount: neither reversed nor reserved by a refund. Minor units of the payment's asset. */
  readonly remaining: bigint
}

export interface RefundPlanInput {
  readonly asset: Asset
  /** Undefined: everything that is refundable. */
  readonly amount: bigint | undefined
  readonly way: 'auto' | 'claim'
  readonly basis: AmountBasis
}

export type Plan =
  | {
      readonly kind: 'native'
      readonly amount: bigint
      readonly rail: string
      readonly railAccount: string
      readonly phone: string | undefined
      readonly parts: readonly RefundPart[]
    }
  | { readonly kind: 'claim'; readonly amount: bigint; readonly parts: readonly RefundPart[] }

type Refunder = Rail & { readonly refund: Refunding }

/** Receipts that one refund can return. */
interface Lot {
  readonly rail: Refunder
  readonly railAccount: string
  readonly phone: string | undefined
  readonly receipts: readonly Refundable[]
  readonly remaining: bigint
}

/**
 * Plans a refund: one sending on the rail that received the money, newest receipts first, or a link when a part has no such rail. Pure.
 * Throws 409 `payments.refund-in-parts` when all parts have a rail but need several sendings, because two halves of one refund could end
 * differently. Throws 409 for the other refusals, too.
 */
export function planRefund(rails: readonly Rail[], receipts: readonly Refundable[], wanted: RefundPlanInput): Plan {
  const open = receipts.filter(({ remaining }) => remaining > 0n).toReversed()
  const total = sumRemaining(open)
  if (total === 0n) throw nothingToRefund()
  const amount = wanted.amount ?? total
  if (amount > total) throw refundTooLarge(money(wanted.asset, total))
  if (wanted.basis === 'current_rate' && open.some(({ exchanged }) => exchanged)) throw rateNotPossible()
  // Money from a customer's balance returns only there. A link could send it anywhere.
  const sendable = open.filter(({ rail }) => rail !== BALANCE_RAIL)
  const claim = (): Plan => {
    const most = sumRemaining(sendable)
    if (amount > most) throw refundToBalance(money(wanted.asset, total - most))
    return { kind: 'claim', amount, parts: splitAmount(sendable, amount) }
  }
  if (wanted.way === 'claim') return claim()
  const lots = groupLots(rails, open)
  const lot = lots.find((each) => each.remaining >= amount)
  if (lot) return fits(lot, wanted.asset, amount) ? planNative(lot, amount) : claim()
  const most = lots.reduce((largest, { remaining }) => (remaining > largest ? remaining : largest), 0n)
  if (lots.reduce((all, { remaining }) => all + remaining, 0n) === total) throw refundInParts(money(wanted.asset, most))
  return claim()
}

/** Returns whether a rail can send this refund amount now. */
export function fitsRail(rail: Rail, asset: Asset, amount: bigint): boolean {
  if (!rail.refund || rail.unavailable() !== undefined || rail.refund.unavailable() !== undefined) return false
  const { min, max, step } = rail.refund.limits(asset)
  return rail.assets.includes(asset) && amount >= min && amount <= max && amount % step === 0n
}

const fits = ({ rail }: Lot, asset: Asset, amount: bigint): boolean => fitsRail(rail, asset, amount)

const canRefund = (rail: Rail): rail is Refunder =>
  rail.refund !== undefined && rail.unavailable() === undefined && rail.refund.unavailable() === undefined

/** Groups receipts into lots, newest first. Receipts of one phone share a lot; every other receipt is a separate lot. */
function groupLots(rails: readonly Rail[], open: readonly Refundable[]): Lot[] {
  const lots = new Map<string, Lot>()
  for (const receipt of open) {
    const { rail: name, railAccount, phone, receiptId, providerId, exchanged, remaining } = receipt
    const rail = rails.filter(canRefund).find((each) => each.name === name)
    if (!rail || exchanged || rail.refund.takes?.(providerId) === false) continue
    const toPhone = rail.refund.to === 'phone'
    if (toPhone && phone === undefined) continue
    const key = toPhone ? `${name} ${railAccount} ${phone ?? ''}` : receiptId
    const before = lots.get(key)
    lots.set(key, {
      rail,
      railAccount,
      phone: toPhone ? phone : undefined,
      receipts: [...(before?.receipts ?? []), receipt],
      remaining: (before?.remaining ?? 0n) + remaining,
    })
  }
  return [...lots.values()]
}

const planNative = ({ rail, railAccount, phone, receipts }: Lot, amount: bigint): Plan => ({
  kind: 'native',
  amount,
  rail: rail.name,
  railAccount,
  phone,
  parts: splitAmount(receipts, amount),
})

function splitAmount(receipts: readonly Refundable[], amount: bigint): RefundPart[] {
  let rest = amount
  return receipts.flatMap(({ receiptId, remaining }) => {
    const taken = remaining < rest ? remaining : rest
    rest -= taken
    return taken > 0n ? [{ receiptId, amount: taken }] : []
  })
}

const sumRemaining = (receipts: readonly Refundable[]): bigint =>
  receipts.reduce((all, { remaining }) => all + remaining, 0n)
