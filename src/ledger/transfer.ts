import { AppError } from '#platform/base/errors'
import type { Asset } from '#money'

/** An account as callers name it. It opens on first use. */
export interface Account {
  /** For example `merchant:mer_…:available`. The module that owns the first part defines the rest. */
  readonly code: string
  readonly asset: Asset
  /** Whether the balance may go below zero. Fixed when the account opens, and enforced by the database. */
  readonly mayOverdraw: boolean
  /**
   * Number of balance rows, for accounts that many postings touch concurrently; `HOT_SHARDS` for the busiest. Above 1 only with
   * `mayOverdraw`. Used when the account opens, ignored afterwards.
   */
  readonly shards?: number
}

/** A movement of money between two accounts of the same asset. Append-only, and idempotent by id. */
export interface Transfer {
  /** A UUID derived from the event by `deriveUuid(source, purpose)`, so that a repeat has the same id. */
  readonly id: string
  readonly from: Account
  readonly to: Account
  /** Minor units, above zero. */
  readonly amount: bigint
  /** Type of the event, such as `payments.receipt`. */
  readonly kind: string
  /** Id of the event's object, such as `rcp_…`. Must not contain personal data: transfers outlive a deletion. */
  readonly ref: string
}

/** Shards for accounts that most postings touch, such as revenue and clearing. */
export const HOT_SHARDS = 32

/** Maximum transfers per call of `post`. */
export const MAX_TRANSFERS = 1_000

const CODE = /^[a-z0-9][A-Za-z0-9:._-]{0,199}$/
const ASSET = /^[A-Z0-9]{2,12}\/\d{1,2}$/
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const KIND = /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$/
const LARGEST = 10n ** 38n - 1n

/** Throws `ledger.bad-account`. */
export function checkAccount({ code, asset, mayOverdraw, shards = 1 }: Account): void {
  if (!CODE.test(code)) throw badAccount(code, 'its code must be of letters, digits and : . _ -, 200 at most')
  if (!ASSET.test(asset)) throw badAccount(code, `its asset ${asset} must look like KES/2`)
  if (!Number.isInteger(shards) || shards < 1 || shards > 256) throw badAccount(code, 'shards must be 1 to 256')
  if (shards > 1 && !mayOverdraw) {
    throw badAccount(
      code,
      'only an account with mayOverdraw can have shards, because each shard knows only its own part',
    )
  }
}

/** Throws `ledger.bad-transfer`. Accounts are checked when they open. */
export function checkTransfer(transfer: Transfer): void {
  const { id, from, to, kind } = transfer
  checkMove({ ...transfer, transferId: id })
  if (from.asset !== to.asset) {
    throw badTransfer(
      id,
      `moves ${from.asset} into ${to.asset}; exchange money by two transfers through a liquidity account`,
    )
  }
  if (from.code === to.code) throw badTransfer(id, `moves money from ${from.code} to itself (${kind})`)
}

/** Checks the fields that a transfer shares with the settlement of a hold. */
export function checkMove(move: { transferId: string; amount: bigint; kind: string; ref: string }): void {
  const { transferId: id, amount, kind, ref } = move
  requireUuid(id)
  requireAmount(id, amount)
  if (!KIND.test(kind)) throw badTransfer(id, `has the kind ${kind}, which must look like payments.receipt`)
  if (ref.length === 0 || ref.length > 200) throw badTransfer(id, 'needs a ref of 1 to 200 characters')
}

export function requireAmount(id: string, amount: bigint): void {
  if (amount <= 0n || amount > LARGEST) throw badTransfer(id, `has the amount ${amount}, which must be above zero`)
}

/** Requires lower case, so that an id has exactly one spelling. */
export function requireUuid(id: string): void {
  if (!UUID.test(id)) throw badTransfer(id, 'needs a UUID in lower case as its id, from deriveUuid')
}

export const badTransfer = (id: string, problem: string): AppError =>
  new AppError('ledger.bad-transfer', 500, `Transfer ${id} ${problem}.`)

export const badAccount = (code: string, problem: string): AppError =>
  new AppError('ledger.bad-account', 500, `The ledger account ${code}: ${problem}.`)
