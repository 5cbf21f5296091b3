import { money } from '#money'
import type { Clock } from '#platform/base/clock'
import type { Queryable, Tx } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { Ids } from '#platform/base/ids'
import type { Schema } from '#platform/database/migrate'
import {
  annotateCase,
  type CaseRow,
  closeCase,
  countOpen,
  findCase,
  listCases,
  lockCase,
  markCredited,
  openCase,
  repairCases,
} from './store.ts'
import type { AuditDecision, Case, CaseKind, Cases, ListCases } from './types.ts'

export const casesSchema: Schema = { name: 'cases', folder: new URL('./migrations/', import.meta.url) }

/** Next step for the person who works on the case, by kind. */
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

/** Creates the list of everything that waits for a person. */
export const createCases = ({ clock, ids }: { clock: Clock; ids: Ids }): Cases => ({
  name: 'cases',
  schema: casesSchema,
  open: async (q, one) => {
    const id = ids.next('rec')
    return openCase(q, { ...one, id }, clock.now())
  },
  repair: (q, of) => repairCases(q, of, clock.now()),
  find: async (q, id) => {
    const row = await findCase(q, id)
    return row && toCase(row)
  },
  list: pageOfCases,
  countOpen,
  close: (tx, { id, note }, audit) =>
    decide(tx, id, audit, {
      write: () => closeCase(tx, id, note, clock.now()),
      isRepeat: (before) => before.state === 'closed' && before.note === note,
    }),
  annotate: (tx, { id, note }, audit) =>
    decide(tx, id, audit, { write: () => annotateCase(tx, id, note), isRepeat: () => false }),
  lock: async (tx, id) => toCase((await lockCase(tx, id)) ?? noSuchCase(id)),
  markCredited: async (tx, by) => toCase(await markCredited(tx, by, clock.now())),
})

async function pageOfCases(
  q: Queryable,
  { limit, cursor, ...of }: ListCases,
): Promise<{ items: Case[]; nextCursor?: string }> {
  const rows = await listCases(q, { ...of, before: cursor, limit: limit + 1 })
  const items = rows.slice(0, limit).map(toCase)
  const last = items.at(-1)
  return rows.length > limit && last ? { items, nextCursor: last.id } : { items }
}

/** Writes a decision and its audit entry. A repeat of the same decision writes nothing. */
async function decide(
  tx: Tx,
  id: string,
  audit: AuditDecision,
  { write, isRepeat }: { write: () => Promise<number>; isRepeat: (before: CaseRow) => boolean },
): Promise<Case> {
  const before = (await findCase(tx, id)) ?? noSuchCase(id)
  if ((await write()) === 0) {
    if (isRepeat(before)) return toCase(before)
    throw caseAlreadyEnded(before)
  }
  await audit(tx)
  return toCase((await findCase(tx, id)) ?? before)
}

function noSuchCase(id: string): never {
  throw new AppError('payments.no-such-case', 404, `There is no case ${id.slice(0, 40)}.`, { param: 'id' })
}

/** The case cannot be decided any more. */
export const caseAlreadyEnded = ({ id, state }: Pick<Case, 'id' | 'state'>): AppError =>
  new AppError('payments.case-over', 409, `The case ${id} is ${state} already.`)

const toCase = (row: CaseRow): Case => ({
  id: row.id,
  rail: row.rail,
  railAccount: row.railAccount,
  day: row.day,
  kind: row.kind,
  subject: row.subject,
  intentId: row.intentId ?? undefined,
  merchantId: row.merchantId ?? undefined,
  ours: row.oursAsset === null ? undefined : money(row.oursAsset, row.ours ?? 0n),
  theirs: row.theirsAsset === null ? undefined : money(row.theirsAsset, row.theirs ?? 0n),
  receiptId: row.receiptId ?? undefined,
  number: row.number ?? undefined,
  movedAt: row.movedAt,
  state: row.state,
  suggested: SUGGESTED[row.kind],
  note: row.note ?? undefined,
  createdAt: row.createdAt,
  closedAt: row.closedAt ?? undefined,
})
