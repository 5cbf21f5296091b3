import { NUMBER_COUNTED } from '../receipts/receipts.ts'
import type { Transfer } from '#ledger'
import { money } from '#money'
import type { Queryable, Tx } from '#platform/database/db'
import { invariant } from '#platform/base/errors'
import { isId } from '#platform/base/ids'
import { applyOutcome, type Observation } from '../attempts/outcomes.ts'
import { type Context, transactMoney } from '../context.ts'
import {
  badAmount,
  badCursor,
  badNumber,
  noSuchTransfer,
  numberUsed,
  transferConfirmed,
  transferNotOpen,
} from '../errors.ts'
import { isLive, isEnded } from '../intents/state.ts'
import { listAttempts } from '../store/attempts.ts'
import { lockIntent } from '../store/intents.ts'
import { listReceipts } from '../store/receipts.ts'
import { findTransfer, listSentTransfers, recordTransferSent, type TransferRow } from '../store/transfers.ts'
import type { TransfersConfig } from './config.ts'
import { findManualMpesa, parseCode } from './transfer.ts'
import type { Confirmation, OnTransferDecided, ManualTransfer, Transfers } from './types.ts'

const MAX_LISTED = 100
const NUMBER = /^[0-9A-Z][0-9A-Z./-]{2,59}$/

/** Creates the access to manual transfers. */
export const createTransfers = (context: Context, config: (() => TransfersConfig) | undefined): Transfers => ({
  mpesa: (currency) => config && findManualMpesa(config(), currency),
  list: async (q, { limit: asked, cursor }) => {
    if (cursor !== undefined && !isId('att', cursor)) throw badCursor()
    const limit = Math.max(1, Math.min(asked, MAX_LISTED))
    const rows = await listSentTransfers(q, limit + 1, cursor)
    const items = rows.slice(0, limit).map(toManualTransfer)
    const last = items.at(-1)
    return rows.length > limit && last ? { items, nextCursor: last.id } : { items }
  },
  require: async (q, name) => toManualTransfer(await requireTransfer(q, name)),
  declareSent: (input) => declareSent(context, input),
  confirm: (input, decided) => confirm(context, input, decided),
  reject: ({ id, note }, decided) =>
    decide(context, id, decided, async ({ state }) => {
      if (state === 'failed') return undefined
      if (!isLive(state)) throw transferNotOpen(state)
      return { kind: 'failed', reason: 'not-received', why: note }
    }),
})

const toManualTransfer = ({ code, asset, amount, state, sentAt, sentNote, ...row }: TransferRow): ManualTransfer => ({
  ...row,
  code: code ?? undefined,
  amount: money(asset, amount),
  status: state,
  sentAt: sentAt ?? undefined,
  note: sentNote ?? undefined,
})

async function requireTransfer(q: Queryable, name: string): Promise<TransferRow> {
  const by = isId('att', name) ? { id: name } : isId('pay', name) ? { intentId: name } : { code: parseCode(name) }
  const found = 'code' in by && by.code === undefined ? undefined : await findTransfer(q, by)
  if (!found) throw noSuchTransfer(name)
  return found
}

async function declareSent(
  context: Context,
  { intentId, note }: Parameters<Transfers['declareSent']>[0],
): Promise<void> {
  await transactMoney(context, async (tx, contended) => {
    const intent = await lockIntent(tx, intentId)
    const attempt = intent && (await listAttempts(tx, intent.id)).findLast(({ kind }) => kind === 'transfer')
    if (!attempt) throw noSuchTransfer(intentId)
    if (attempt.sentAt !== null) return
    if (isEnded(intent.status)) throw transferNotOpen(intent.status)
    if (!isLive(attempt.state)) throw transferNotOpen(attempt.state)
    await recordTransferSent(tx, attempt.id, note?.trim() || null, context.clock.now())
    const seen = { id: attempt.id, gross: money(attempt.asset, attempt.amount), at: context.clock.now() }
    const outcome = { kind: 'received' as const, receipts: [{ ...seen, final: false, stated: false }] }
    await applyOutcome(tx, context, { attempt, outcome, from: 'event' }, { contended, transfers: [] })
  })
}

async function confirm(context: Context, input: Confirmation, decided: OnTransferDecided): Promise<ManualTransfer> {
  const number = input.number.toUpperCase().replace(/\s/g, '')
  if (!NUMBER.test(number)) throw badNumber()
  return decide(context, input.id, decided, async (row, tx) => {
    const gross = input.amount ?? money(row.asset, row.amount)
    if (gross.amount <= 0n) throw badAmount()
    invariant(gross.asset === row.asset, 'the confirmed amount is in the requested currency')
    const before = (await listReceipts(tx, row.intentId)).filter(({ attemptId }) => attemptId === row.id)
    const same = before.find((receipt) => receipt.number === number)
    if (same && same.gross === gross.amount) return undefined
    const [other] = before
    if (same || (other && !input.another)) throw transferConfirmed((same ?? other)?.number ?? '')
    return {
      kind: 'received',
      receipts: [{ id: number, number, gross, at: context.clock.now(), final: true, stated: true }],
    }
  })
}

/** Records an operator's decision in one transaction. `outcomeOf` returns undefined when the same decision was recorded before. */
async function decide(
  context: Context,
  id: string,
  decided: OnTransferDecided,
  outcomeOf: (row: TransferRow, tx: Tx) => Promise<Observation['outcome'] | undefined>,
): Promise<ManualTransfer> {
  return transactMoney(context, async (tx, contended) => {
    const { intentId } = await requireTransfer(tx, id)
    await lockIntent(tx, intentId)
    const row = await requireTransfer(tx, id)
    const outcome = await outcomeOf(row, tx)
    if (!outcome) return toManualTransfer(row)
    const transfers: Transfer[] = []
    const { refused } = await applyOutcome(
      tx,
      context,
      { attempt: row, outcome, from: 'event' },
      { contended, transfers },
    )
    // Reconciliation may have credited the same money already, such as a pay bill payment in the list of M-Pesa.
    if (refused === 'foreign-receipt' || refused === NUMBER_COUNTED) throw numberUsed()
    invariant(refused === undefined, `the transfer ${id} was refused: ${refused ?? ''}`)
    if (transfers.length > 0) await context.ledger.post(tx, transfers)
    const after = toManualTransfer(await requireTransfer(tx, id))
    await decided(tx, after)
    return after
  })
}
