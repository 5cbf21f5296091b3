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

/** Next step for the operator who handles the case, by kind. */
const SUGGESTED: Readonly<Record<CaseKind, string>> = {
  'missing-here':
    'The provider has money without a payment here. Ask the provider who paid. Then credit the payment that it is for, or refund it at the provider.',
  'missing-there':
    'The provider does not list a receipt that is credited here. Ask the provider about the receipt number. If it never had the money, recover it from the merchant.',
  'amount-differs':
    'The amounts differ. Ask the provider which amount is right, and settle the difference with the merchant.',
  'currency-differs':
    'The currencies differ. Ask the provider which currency it received, and settle the difference with the merchant.',
  'return-differs':
    'The provider returned more than is recorded here. Check the refunds of the payment at the provider.',
  'returned-too-much':
    'The payer was returned more than the payment, or one refund was sent twice. Contest the dispute at the provider, or ask the payer to return the money. The merchant bears the cost until then.',
  'taken-back':
    'A reorg removed money that was final and counted. It was debited from the merchant, as debt where it was spent. Notify the merchant, and consider a higher BITCOIN_CONFIRMATIONS.',
  'pending-for-ever': 'The provider reports no outcome. Ask it about our reference, then notify the merchant.',
}

/** Creates the list of cases that need an operator. */
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
  throw new AppError(
    'payments.no-such-case',
    404,
    `There is no case ${id.slice(0, 40)}. List them: npx purser reconcile cases --all`,
    { param: 'id' },
  )
}

/** Returns the error for a decision on a case that has ended. */
export const caseAlreadyEnded = ({ id, state }: Pick<Case, 'id' | 'state'>): AppError =>
  new AppError('payments.case-over', 409, `The case ${id} is ${state} already, so it cannot be changed.`)

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
