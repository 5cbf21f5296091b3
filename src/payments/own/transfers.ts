import { money, type Money } from '#money'
import type { Transfer } from '#ledger'
import type { Queryable, Tx } from '#platform/db'
import { invariant } from '#platform/errors'
import { isId } from '#platform/ids'
import { listAttempts } from '../attempt-store.ts'
import { transactMoney, type Core } from '../core.ts'
import {
  badAmount,
  badCursor,
  badNumber,
  noSuchTransfer,
  numberUsed,
  transferConfirmed,
  transferNotOpen,
} from '../errors.ts'
import { lockIntent } from '../intent-store.ts'
import { apply, type Told } from '../outcomes.ts'
import { isCountedNumber, listReceipts } from '../receipt-store.ts'
import { isLive, isOver, type AttemptState } from '../state.ts'
import type { TransfersConfig } from './config.ts'
import { mpesaByHand, parseCode, type MpesaByHand } from './transfer.ts'
import { findTransfer, listSent, noteSent, type TransferRow } from './transfer-store.ts'

/** A transfer by hand: what the payer was asked to send, and what they said of it. */
export interface ManualTransfer {
  /** `att_…` */
  readonly id: string
  readonly intentId: string
  readonly merchantId: string
  /** The payment code, which the payer was asked to write on it. */
  readonly code: string | undefined
  readonly amount: Money
  readonly status: AttemptState
  readonly sentAt: Date | undefined
  /** The payer's words. */
  readonly note: string | undefined
  readonly createdAt: Date
}

export interface Transfers {
  /** Those that payers say they have sent and nobody has decided on, longest ago first. At most 100. Throws 422 `payments.bad-cursor`. */
  list(q: Queryable, query: { limit: number; cursor?: string | undefined }): Promise<TransferPage>
  /** The pay bill or till that takes payments by hand from the M-Pesa menu; undefined when none is set or takes the currency. */
  mpesa(currency: string): MpesaByHand | undefined
  /** By its payment code, the attempt's id, or the payment's, of which the newest is taken. Throws 404 `payments.no-such-transfer`. */
  require(q: Queryable, name: string): Promise<ManualTransfer>
  /** The payer says that it was sent: no other way is offered until a person has decided. Repeatable. Throws 409 when it is over. */
  sent(input: { readonly intentId: string; readonly note?: string | undefined }): Promise<void>
  /**
   * A person has found the money. It is credited whatever became of the payment meanwhile, and once for each `number`, the one that the bank's
   * books have. Repeatable. Throws 404, 409 `payments.number-used`, `payments.transfer-confirmed`, 422.
   */
  confirm(input: Confirmation, decided: Decided): Promise<ManualTransfer>
  /** A person has looked and it is not there: the payer can try again. Money that comes later can still be confirmed. Repeatable. Throws 409. */
  reject(input: { readonly id: string; readonly note: string }, decided: Decided): Promise<ManualTransfer>
}

/** Runs in the transaction that decides, when it changes something: for the audit. */
export type Decided = (tx: Tx, transfer: ManualTransfer) => Promise<void>

export interface TransferPage {
  readonly items: readonly ManualTransfer[]
  readonly nextCursor?: string
}

export interface Confirmation {
  /** `att_…` */
  readonly id: string
  readonly number: string
  /** What came; what was asked for unless told. */
  readonly amount?: Money | undefined
  /** It is another one than what was confirmed before: the payer sent twice with one code. */
  readonly another?: boolean | undefined
}

const MOST_LISTED = 100
const NUMBER = /^[0-9A-Z][0-9A-Z./-]{2,59}$/

export const createTransfers = (core: Core, config: (() => TransfersConfig) | undefined): Transfers => ({
  mpesa: (currency) => config && mpesaByHand(config(), currency),
  list: async (q, { limit: asked, cursor }) => {
    if (cursor !== undefined && !isId('att', cursor)) throw badCursor()
    const limit = Math.max(1, Math.min(asked, MOST_LISTED))
    const rows = await listSent(q, limit + 1, cursor)
    const items = rows.slice(0, limit).map(transferOf)
    const last = items.at(-1)
    return rows.length > limit && last ? { items, nextCursor: last.id } : { items }
  },
  require: async (q, name) => transferOf(await requireTransfer(q, name)),
  sent: (input) => tellSent(core, input),
  confirm: (input, decided) => confirm(core, input, decided),
  reject: ({ id, note }, decided) =>
    decide(core, id, decided, async ({ state }) => {
      if (state === 'failed') return undefined
      if (!isLive(state)) throw transferNotOpen(state)
      return { kind: 'failed', reason: 'not-received', why: note }
    }),
})

const transferOf = ({ code, asset, amount, state, sentAt, sentNote, ...row }: TransferRow): ManualTransfer => ({
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

async function tellSent(core: Core, { intentId, note }: Parameters<Transfers['sent']>[0]): Promise<void> {
  await transactMoney(core, async (tx, contended) => {
    const intent = await lockIntent(tx, intentId)
    const attempt = intent && (await listAttempts(tx, intent.id)).findLast(({ kind }) => kind === 'transfer')
    if (!attempt) throw noSuchTransfer(intentId)
    if (attempt.sentAt !== null) return
    if (isOver(intent.status)) throw transferNotOpen(intent.status)
    if (!isLive(attempt.state)) throw transferNotOpen(attempt.state)
    await noteSent(tx, attempt.id, note?.trim() || null, core.clock.now())
    const seen = { id: attempt.id, gross: money(attempt.asset, attempt.amount), at: core.clock.now() }
    const outcome = { kind: 'received' as const, receipts: [{ ...seen, final: false, stated: false }] }
    await apply(tx, core, { attempt, outcome, from: 'event' }, { contended, transfers: [] })
  })
}

async function confirm(core: Core, input: Confirmation, decided: Decided): Promise<ManualTransfer> {
  const number = input.number.toUpperCase().replace(/\s/g, '')
  if (!NUMBER.test(number)) throw badNumber()
  return decide(core, input.id, decided, async (row, tx) => {
    const gross = input.amount ?? money(row.asset, row.amount)
    if (gross.amount <= 0n) throw badAmount()
    invariant(gross.asset === row.asset, 'what came is in the currency that was asked for')
    const before = (await listReceipts(tx, row.intentId)).filter(({ attemptId }) => attemptId === row.id)
    const same = before.find((receipt) => receipt.number === number)
    if (same && same.gross === gross.amount) return undefined
    // Money that reconciliation has credited already as a payment of its provider, such as a pay bill payment in the list of M-Pesa.
    const others = core.rails.map(({ name }) => name).filter((name) => name !== 'transfer')
    if (await isCountedNumber(tx, others, number)) throw numberUsed()
    const [other] = before
    if (same || (other && !input.another)) throw transferConfirmed((same ?? other)?.number ?? '')
    return {
      kind: 'received',
      receipts: [{ id: number, number, gross, at: core.clock.now(), final: true, stated: true }],
    }
  })
}

/** What a person decides, all in one transaction; `outcomeOf` gives undefined when it was decided so before. */
async function decide(
  core: Core,
  id: string,
  decided: Decided,
  outcomeOf: (row: TransferRow, tx: Tx) => Promise<Told['outcome'] | undefined>,
): Promise<ManualTransfer> {
  return transactMoney(core, async (tx, contended) => {
    const { intentId } = await requireTransfer(tx, id)
    await lockIntent(tx, intentId)
    const row = await requireTransfer(tx, id)
    const outcome = await outcomeOf(row, tx)
    if (!outcome) return transferOf(row)
    const transfers: Transfer[] = []
    const { refused } = await apply(tx, core, { attempt: row, outcome, from: 'event' }, { contended, transfers })
    if (refused === 'foreign-receipt') throw numberUsed()
    invariant(refused === undefined, `the transfer ${id} was refused: ${refused ?? ''}`)
    if (transfers.length > 0) await core.ledger.post(tx, transfers)
    const after = transferOf(await requireTransfer(tx, id))
    await decided(tx, after)
    return after
  })
}
