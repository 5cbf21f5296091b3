import type { CaseKind } from '#cases'
import type { Money } from '#money'
import type { BookedReceipt } from '#payments'
import type { Rail, StatementLine } from '#rails/contract'
import type { Context } from './context.ts'
import { holdsRun, type RunRow, type RunTally } from './store.ts'

/** Delay after the end of a day. Providers complete their lists some time after the money. */
export const SETTLES_MS = 2 * 60 * 60_000

/** The run of one rail and day, with its bounds and counts. */
export interface Day {
  readonly context: Context
  readonly rail: Rail
  readonly run: RunRow
  readonly from: Date
  readonly to: Date
  readonly tally: RunTally
}

/** Throws when another instance claimed the run, or an operator requested it again. Call it once a page. */
export async function requireRun({ context, run }: Day): Promise<void> {
  if (!(await holdsRun(context.db, run))) throw new Error('The run was claimed again, so this one stops.')
}

export interface Difference {
  readonly intentId: string | undefined
  readonly merchantId: string | undefined
  readonly ours?: Money | undefined
  readonly theirs?: Money | undefined
  /** The provider's id of the money. */
  readonly receiptId?: string | undefined
  readonly number?: string | undefined
  readonly movedAt: Date
}

/** Returns the ids that a line's receipt can have in our books. The latest report is last. */
export const receiptIdsOf = ({ receiptId, againIds = [] }: StatementLine): readonly string[] =>
  receiptId === undefined ? [] : [receiptId, ...againIds]

/** Returns the kind of difference between our receipt and the provider's line; undefined when they agree. */
export function findDifference(
  ours: BookedReceipt,
  { gross, returned }: Pick<StatementLine, 'gross' | 'returned'>,
): CaseKind | undefined {
  if (gross.asset !== ours.amount.asset) return 'currency-differs'
  if (gross.amount !== ours.amount.amount) return 'amount-differs'
  // Only a larger amount at the provider differs: it is a refund that was not reported to us. A dispute can take back
  // more than the line shows.
  return returned && ours.sameAsset && returned.amount > ours.reversed ? 'return-differs' : undefined
}

/** Opens or updates the case of a difference. */
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
  if (isNew)
    context.log.warn(
      { caseId: id, rail, day, kind, paymentId: difference.intentId },
      'our books differ from the provider’s',
    )
}
