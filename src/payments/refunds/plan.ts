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

/** A receipt as far as a refund is concerned. */
export interface Refundable {
  readonly receiptId: string
  readonly rail: string
  readonly railAccount: string
  /** The provider's id of it. */
  readonly providerId: string
  /** It came in another asset than the payment's and was exchanged: it does not go back the way it came. */
  readonly exchanged: boolean
  readonly phone: string | undefined
  /** What is left of it: neither gone back nor on its way back. Minor units of the payment's asset. */
  readonly left: bigint
}

export interface Wanted {
  readonly asset: Asset
  /** All that is left when undefined. */
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

/** Receipts that can go back in one. */
interface Lot {
  readonly rail: Refunder
  readonly railAccount: string
  readonly phone: string | undefined
  readonly receipts: readonly Refundable[]
  readonly left: bigint
}

/**
 * How the money goes back: in one, the way it came, the newest receipts first; by a link when a part of it has no way back. Pure. Throws 409.
 * A payment that came in parts which all have a way back is refunded part by part, because two halves of one refund could end differently.
 */
export function planRefund(rails: readonly Rail[], receipts: readonly Refundable[], wanted: Wanted): Plan {
  const open = receipts.filter(({ left }) => left > 0n).toReversed()
  const total = sum(open)
  if (total === 0n) throw nothingToRefund()
  const amount = wanted.amount ?? total
  if (amount > total) throw refundTooLarge(money(wanted.asset, total))
  if (wanted.basis === 'current_rate' && open.some(({ exchanged }) => exchanged)) throw rateNotPossible()
  // What came out of a balance goes back there: by a link it would be a way to send money anywhere.
  const sendable = open.filter(({ rail }) => rail !== BALANCE_RAIL)
  const claim = (): Plan => {
    const most = sum(sendable)
    if (amount > most) throw refundToBalance(money(wanted.asset, total - most))
    return { kind: 'claim', amount, parts: take(sendable, amount) }
  }
  if (wanted.way === 'claim') return claim()
  const lots = lotsOf(rails, open)
  const lot = lots.find((each) => each.left >= amount)
  if (lot) return fits(lot, wanted.asset, amount) ? nativeOf(lot, amount) : claim()
  const most = lots.reduce((largest, { left }) => (left > largest ? left : largest), 0n)
  if (lots.reduce((all, { left }) => all + left, 0n) === total) throw refundInParts(money(wanted.asset, most))
  return claim()
}

/** Why a rail cannot send so much to a phone is why it cannot be chosen there. */
export function fitsRail(rail: Rail, asset: Asset, amount: bigint): boolean {
  if (!rail.refund || rail.unavailable() !== undefined || rail.refund.unavailable() !== undefined) return false
  const { min, max, step } = rail.refund.limits(asset)
  return rail.assets.includes(asset) && amount >= min && amount <= max && amount % step === 0n
}

const fits = ({ rail }: Lot, asset: Asset, amount: bigint): boolean => fitsRail(rail, asset, amount)

const canRefund = (rail: Rail): rail is Refunder =>
  rail.refund !== undefined && rail.unavailable() === undefined && rail.refund.unavailable() === undefined

/** Newest first. Receipts of one payer's phone go together; others each by itself. */
function lotsOf(rails: readonly Rail[], open: readonly Refundable[]): Lot[] {
  const lots = new Map<string, Lot>()
  for (const receipt of open) {
    const { rail: name, railAccount, phone, receiptId, providerId, exchanged, left } = receipt
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
      left: (before?.left ?? 0n) + left,
    })
  }
  return [...lots.values()]
}

const nativeOf = ({ rail, railAccount, phone, receipts }: Lot, amount: bigint): Plan => ({
  kind: 'native',
  amount,
  rail: rail.name,
  railAccount,
  phone,
  parts: take(receipts, amount),
})

function take(receipts: readonly Refundable[], amount: bigint): RefundPart[] {
  let rest = amount
  return receipts.flatMap(({ receiptId, left }) => {
    const taken = left < rest ? left : rest
    rest -= taken
    return taken > 0n ? [{ receiptId, amount: taken }] : []
  })
}

const sum = (receipts: readonly Refundable[]): bigint => receipts.reduce((all, { left }) => all + left, 0n)
