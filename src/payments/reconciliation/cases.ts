import { money, type Money } from '#money'
import { AppError } from '#platform/errors'
import type { Queryable, Tx } from '#platform/db'
import type { CreditCase } from './credit.ts'
import { closeCase, findCase, listCases, noteCase, type CaseKind, type CaseRow, type CaseState } from './case-store.ts'
import { askRun } from './store.ts'

/** A difference between our books and a provider's. */
export interface Case {
  /** `rec_…` */
  readonly id: string
  readonly rail: string
  /** Of the business's time zone, `2026-01-15`. */
  readonly day: string
  readonly kind: CaseKind
  /** The provider's line, our receipt, or our attempt. */
  readonly subject: string
  readonly intentId: string | undefined
  readonly merchantId: string | undefined
  readonly ours: Money | undefined
  readonly theirs: Money | undefined
  readonly movedAt: Date
  readonly state: CaseState
  /** What a person can do about it. */
  readonly suggested: string
  readonly note: string | undefined
  readonly createdAt: Date
  readonly closedAt: Date | undefined
}

export const CASE_ACTIONS = ['close', 'retry'] as const
export type CaseAction = (typeof CASE_ACTIONS)[number]

export interface Reconciliation {
  /**
   * Has a day compared soon, whether it was before or not; yesterday by default. Throws 422 `validation-failed` for a rail without a provider and
   * for a day that is not over.
   */
  ask(tx: Tx, run: { rail: string; day: string | undefined }): Promise<{ day: string }>
  /** Newest first. */
  listCases(q: Queryable, of: ListCases): Promise<{ items: Case[]; nextCursor?: string }>
  /**
   * `close`: a person has settled it; nothing is posted. `retry`: the day is compared again soon, and the case ends by itself if nothing
   * differs any more. `audit` writes that it was done, in the same transaction: asked to close again with the same note, as after a lost
   * answer, nothing is done. Throws 404 `payments.no-such-case`, 409 `payments.case-over`.
   */
  resolve(tx: Tx, by: { id: string; action: CaseAction; note: string }, audit: (tx: Tx) => Promise<void>): Promise<Case>
  /**
   * Counts the money of a `missing-here` case for a payment, once: again with the same payment it is as it was. `audit` is written in the same
   * transaction. Throws 404 `payments.no-such-case`, `payments.not-found`, 409 `payments.case-over`, `payments.case-not-money`,
   * `payments.case-other-currency`, `payments.case-counted`.
   */
  credit(by: CreditCase, audit: (tx: Tx) => Promise<void>): Promise<Case>
}

export interface ListCases {
  readonly state?: CaseState | undefined
  readonly rail?: string | undefined
  /** 1 to 100. */
  readonly limit: number
  readonly cursor?: string | undefined
}

/** For whoever looks into it. */
const SUGGESTED: Readonly<Record<CaseKind, string>> = {
  'missing-here':
    'Money that no payment here was made for, or whose payer is not known: find out whose it is with the provider, then credit the payment that it is for, or pay it back there.',
  'missing-there':
    'The provider does not list what is credited here: ask it with the number of the receipt. If it never had the money, take it back from the merchant.',
  'amount-differs': 'Ask the provider which amount is right, and settle the difference with the merchant.',
  'currency-differs': 'Ask the provider which currency the money came in, and settle the difference with the merchant.',
  'return-differs': 'More went back at the provider than is recorded here: look at the refunds of the payment there.',
  'returned-too-much':
    'More went back to the payer than came, or two sendings of one refund are out: contest the dispute with the provider, or ask the payer. The merchant bears it until then.',
  'taken-back':
    'The chain took back money that was final and counted: it was taken from the merchant again, as debt where it was spent. Tell the merchant, and think about BITCOIN_CONFIRMATIONS.',
  'pending-for-ever': 'The provider cannot say what became of it: ask it with our reference, then tell the merchant.',
}

export async function pageOfCases(
  q: Queryable,
  { limit, cursor, ...of }: ListCases,
): Promise<{ items: Case[]; nextCursor?: string }> {
  const rows = await listCases(q, { ...of, before: cursor, limit: limit + 1 })
  const items = rows.slice(0, limit).map(caseOf)
  const last = items.at(-1)
  return rows.length > limit && last ? { items, nextCursor: last.id } : { items }
}

export const noSuchCase = (id: string): AppError =>
  new AppError('payments.no-such-case', 404, `There is no case ${id.slice(0, 40)}.`, { param: 'id' })

export const caseOver = ({ id, state }: Pick<CaseRow, 'id' | 'state'>): AppError =>
  new AppError('payments.case-over', 409, `The case ${id} is ${state} already.`)

export async function resolveCase(
  tx: Tx,
  { id, action, note }: { id: string; action: CaseAction; note: string },
  now: Date,
  audit: (tx: Tx) => Promise<void>,
): Promise<Case> {
  const before = await findCase(tx, id)
  if (!before) throw noSuchCase(id)
  const done = action === 'close' ? await closeCase(tx, id, note, now) : await noteCase(tx, id, note)
  if (done === 0) {
    if (action === 'close' && before.state === 'closed' && before.note === note) return caseOf(before)
    throw caseOver(before)
  }
  await audit(tx)
  if (action === 'retry') await askRun(tx, before.rail, before.day, now)
  return caseOf((await findCase(tx, id)) ?? before)
}

export const caseOf = (row: CaseRow): Case => ({
  id: row.id,
  rail: row.rail,
  day: row.day,
  kind: row.kind,
  subject: row.subject,
  intentId: row.intentId ?? undefined,
  merchantId: row.merchantId ?? undefined,
  ours: row.oursAsset === null ? undefined : money(row.oursAsset, row.ours ?? 0n),
  theirs: row.theirsAsset === null ? undefined : money(row.theirsAsset, row.theirs ?? 0n),
  movedAt: row.movedAt,
  state: row.state,
  suggested: SUGGESTED[row.kind],
  note: row.note ?? undefined,
  createdAt: row.createdAt,
  closedAt: row.closedAt ?? undefined,
})
