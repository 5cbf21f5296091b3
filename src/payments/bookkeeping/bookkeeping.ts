import { MAIN_ACCOUNT, type Context, railOf, transactMoney } from '../context.ts'
import { TRANSFER_RAIL } from '../methods/types.ts'
import type { Transfer } from '#ledger'
import { money } from '#money'
import type { Queryable } from '#platform/database/db'
import { invariant } from '#platform/base/errors'
import { creditManually } from '../attempts/credit.ts'
import { recordOutcome } from '../attempts/outcomes.ts'
import { queryProvider } from '../attempts/polling.ts'
import { listAllWatched } from '../attempts/watching.ts'
import { isLive } from '../intents/state.ts'
import { type AttemptRow, findAttempt, findByReference } from '../store/attempts.ts'
import {
  type BookedReceiptRow,
  findBookedReceipts,
  findMatchingPrompts,
  listBookedReceipts,
  listBookedReceiptsOf,
  listStuck,
  listMatchableAttempts,
  wasUsed,
} from '../store/bookkeeping.ts'
import { findIntent } from '../store/intents.ts'
import type { BookedAttempt, BookedReceipt, Bookkeeping } from './types.ts'

const MANUAL = { rail: TRANSFER_RAIL, railAccount: MAIN_ACCOUNT }

/** Creates the reads and repairs of attempts and receipts that reconciliation uses. */
export const createBookkeeping = (context: Context): Bookkeeping => ({
  findAttempt: async (q, id) => toBookedAttempt(q, await findAttempt(q, id)),
  findAttemptByReference: async (q, account, reference) =>
    toBookedAttempt(q, await findByReference(q, account, reference)),
  findMatchingPrompts: async (q, account, { gross: { asset, amount }, ...of }) => {
    const found: BookedAttempt[] = []
    for (const { id } of await findMatchingPrompts(q, account, { ...of, asset, amount })) {
      const attempt = await toBookedAttempt(q, await findAttempt(q, id))
      if (attempt) found.push(attempt)
    }
    return found
  },
  listEndedAttempts: async (q, account, page) => (await listMatchableAttempts(q, account, page)).map(({ id }) => id),
  listStuckAttempts: async (q, account, page) => (await listStuck(q, account, page)).map(({ id }) => id),
  query: async (attemptId) => {
    const row = await findAttempt(context.db, attemptId)
    const collect = row && railOf(context, row.rail)?.collect
    return collect && queryProvider(context, collect, row)
  },
  record: async (attempt, outcome) => {
    const { attempt: after } = await recordOutcome(context, { attempt, outcome, from: 'event' })
    const result = await toBookedAttempt(context.db, after)
    invariant(result, 'an attempt has an intent')
    return result
  },
  findReceipts: async (q, account, by) => (await findBookedReceipts(q, account, by)).map(toBookedReceipt),
  findManualReceipts: async (q, numbers) =>
    (await findBookedReceipts(q, MANUAL, { ids: [], numbers })).map(toBookedReceipt),
  listReceiptsOf: async (q, attemptId) => (await listBookedReceiptsOf(q, attemptId)).map(toBookedReceipt),
  listReceipts: async (q, account, page) => (await listBookedReceipts(q, account, page)).map(toBookedReceipt),
  wasUsed,
  listWatched: (rail) => listAllWatched(context, rail),
  transact: (act) =>
    transactMoney(context, async (tx, contended) => {
      const transfers: Transfer[] = []
      const result = await act(tx, (given) => creditManually(tx, context, given, { contended, transfers }))
      if (transfers.length > 0) await context.ledger.post(tx, transfers)
      return result
    }),
})

async function toBookedAttempt(q: Queryable, row: AttemptRow | undefined): Promise<BookedAttempt | undefined> {
  const intent = row && (await findIntent(q, row.intentId))
  return (
    intent && {
      id: row.id,
      intentId: row.intentId,
      merchantId: intent.merchantId,
      rail: row.rail,
      reference: row.reference ?? undefined,
      state: row.state,
      live: isLive(row.state),
      amount: money(row.asset, row.amount),
      createdAt: row.createdAt,
    }
  )
}

const toBookedReceipt = ({ asset, amount, number, ...row }: BookedReceiptRow): BookedReceipt => ({
  ...row,
  number: number ?? undefined,
  amount: money(asset, amount),
})
