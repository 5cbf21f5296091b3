import type { CaseKind } from '#cases'
import type { Money } from '#money'
import type { BookedReceipt } from '#payments'
import { addMs } from '#platform/base/clock'
import type { Rail, StatementLine } from '#rails/contract'
import type { Context } from './context.ts'
import { extendRun, type RunRow, type RunTally } from './store.ts'

/** A page of a provider, or of ours, is compared well within this; the lease is renewed with each. */
export const LEASE_MS = 15 * 60_000

/** Providers write their lists some time after the money. */
export const SETTLES_MS = 2 * 60 * 60_000

/** A day of a rail that is being compared. */
export interface Day {
  readonly context: Context
  readonly rail: Rail
  readonly run: RunRow
  readonly from: Date
  readonly to: Date
  readonly tally: RunTally
}

export const extendRunLease = ({ context, run }: Day): Promise<number> =>
  extendRun(context.db, run, addMs(context.clock.now(), LEASE_MS))

export interface Difference {
  readonly intentId: string | undefined
  readonly merchantId: string | undefined
  readonly ours?: Money | undefined
  readonly theirs?: Money | undefined
  /** Of the provider's line. */
  readonly receiptId?: string | undefined
  readonly number?: string | undefined
  readonly movedAt: Date
}

/** The ids that its receipt may have with us, the last first told of last. */
export const receiptIdsOf = ({ receiptId, againIds = [] }: StatementLine): readonly string[] =>
  receiptId === undefined ? [] : [receiptId, ...againIds]

/** What is not the same of money that both have. */
export function findDifference(
  ours: BookedReceipt,
  { gross, returned }: Pick<StatementLine, 'gross' | 'returned'>,
): CaseKind | undefined {
  if (gross.asset !== ours.amount.asset) return 'currency-differs'
  if (gross.amount !== ours.amount.amount) return 'amount-differs'
  // A dispute takes more back than the line tells; less than it tells is a refund that nobody told us of.
  return returned && ours.sameAsset && returned.amount > ours.reversed ? 'return-differs' : undefined
}

/** A case, or the one that there is, brought up to date. */
export async function openDifference(
  { context, run, tally }: Day,
  kind: CaseKind,
  subject: string,
  difference: Difference,
): Promise<void> {
  const { rail, railAccount, day } = run
  const { id, state, isNew } = await context.cases.open(context.db, {
    rail,
    railAccount,
    day,
    kind,
    subject,
    ...difference,
  })
  if (state === 'open') tally.cases += 1
  if (isNew) context.log.warn({ caseId: id, rail, day, kind, paymentId: difference.intentId }, 'books differ')
}
