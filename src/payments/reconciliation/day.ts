import type { Money } from '#money'
import { addMs } from '#platform/clock'
import { openCase, type CaseKind } from './case-store.ts'
import type { Core } from '../core.ts'
import type { Rail, StatementLine } from '#rails/contract'
import { extendRun, type Ours, type RunRow, type RunTally } from './store.ts'

/** A page of a provider, or of ours, is compared well within this; the lease is renewed with each. */
export const LEASE_MS = 15 * 60_000

/** Providers write their lists some time after the money. */
export const SETTLES_MS = 2 * 60 * 60_000

/** A day of a rail that is being compared. */
export interface Day {
  readonly core: Core
  readonly rail: Rail
  readonly run: RunRow
  readonly from: Date
  readonly to: Date
  readonly tally: RunTally
}

export const holdOn = ({ core, run }: Day): Promise<number> =>
  extendRun(core.db, run, addMs(core.clock.now(), LEASE_MS))

/** Payments' own methods have no provider, and no books but ours. */
export const hasProvider = ({ collect }: Rail): boolean => collect?.kind !== 'balance' && collect?.kind !== 'transfer'

export interface Difference {
  readonly intentId: string | undefined
  readonly ours?: Money | undefined
  readonly theirs?: Money | undefined
  /** Of the provider's line. */
  readonly receiptId?: string | undefined
  readonly number?: string | undefined
  readonly movedAt: Date
}

/** The ids that its receipt may have with us, the last first told of last. */
export const idsOf = ({ receiptId, againIds = [] }: StatementLine): readonly string[] =>
  receiptId === undefined ? [] : [receiptId, ...againIds]

/** What is not the same of money that both have. */
export function differenceOf(
  ours: Ours,
  { gross, returned }: Pick<StatementLine, 'gross' | 'returned'>,
): CaseKind | undefined {
  if (gross.asset !== ours.asset) return 'currency-differs'
  if (gross.amount !== ours.amount) return 'amount-differs'
  // A dispute takes more back than the line tells; less than it tells is a refund that nobody told us of.
  return returned && ours.sameAsset && returned.amount > ours.reversed ? 'return-differs' : undefined
}

/** A case, or the one that there is, brought up to date. */
export async function openDifference(
  { core, run, tally }: Day,
  kind: CaseKind,
  subject: string,
  difference: Difference,
): Promise<void> {
  const { rail, railAccount, day } = run
  const id = core.ids.next('rec')
  const { state, isNew } = await openCase(
    core.db,
    { id, rail, railAccount, day, kind, subject, ...difference },
    core.clock.now(),
  )
  if (state === 'open') tally.cases += 1
  if (isNew) core.log.warn({ caseId: id, rail, day, kind, paymentId: difference.intentId }, 'books differ')
}
