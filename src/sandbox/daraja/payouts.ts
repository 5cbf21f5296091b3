import { addMs, type Clock } from '#platform/base/clock'
import type { Db, Tx } from '#platform/database/db'
import type { Ids } from '#platform/base/ids'
import { addTimer } from '../timers.ts'
import { digits, eatStamp, receiptNumber } from './callback.ts'
import { receiverOf } from './receivers.ts'
import { endPayout, insertPayout, lockPayout, type Payout } from './store.ts'

type NewPayout = Pick<Payout, 'id' | 'phone' | 'shillings' | 'resultUrl' | 'timeoutUrl'>

/** Payouts to phones (B2C) and their status queries. */
export interface Payouts {
  /** Returns undefined when the id was used before. */
  send(input: NewPayout): Promise<Payout | undefined>
  /** Completes a payout that is due. */
  settle(id: string): Promise<void>
  /** Schedules the result of a status query. @returns the query's conversation id */
  ask(input: { id: string; resultUrl: string }): Promise<string>
}

export interface PayoutsDeps {
  readonly db: Db
  readonly clock: Clock
  readonly ids: Ids
}

const ARRIVES_AFTER_MS = 1000
const SUCCESS = '0'
const UNREGISTERED_RECEIVER = '2040'
const NO_SUCH_PAYMENT = '2033'
const DONE = 'The service request is processed successfully.'

export const createPayouts = (deps: PayoutsDeps): Payouts => ({
  send: (input) => deps.db.transaction((tx) => send(deps, tx, input)),
  settle: (id) =>
    deps.db.transaction(async (tx) => {
      const payout = await lockPayout(tx, id)
      if (payout) await settle(deps, tx, payout)
    }),
  ask: ({ id, resultUrl }) =>
    deps.db.transaction(async (tx) => {
      const found = await lockPayout(tx, id)
      const payout = found && (await settle(deps, tx, found))
      const known = payout && receiverOf(payout.phone).isKnown ? payout : undefined
      const conversation = createConversationId(deps)
      await scheduleCallback(deps, tx, resultUrl, statusBody(known, conversation))
      return conversation
    }),
})

const createConversationId = ({ ids, clock }: PayoutsDeps): string =>
  `AG_${eatStamp(clock.now()).slice(0, 8)}_${digits(ids, 20)}`

const scheduleCallback = ({ ids, clock }: PayoutsDeps, tx: Tx, subject: string, body: string): Promise<void> =>
  addTimer(tx, ids, { kind: 'callback', subject, body, dueAt: clock.now() })

async function send(deps: PayoutsDeps, tx: Tx, input: NewPayout): Promise<Payout | undefined> {
  const createdAt = deps.clock.now()
  const dueAt = addMs(createdAt, ARRIVES_AFTER_MS)
  const undecided = { resultCode: null, transactionId: null }
  const payout: Payout = { ...input, ...undecided, conversationId: createConversationId(deps), createdAt, dueAt }
  if (!(await insertPayout(tx, payout))) return undefined
  if (receiverOf(input.phone).timesOut)
    await scheduleCallback(deps, tx, input.timeoutUrl, resultBody(payout, 'Timed out.'))
  await addTimer(tx, deps.ids, { kind: 'payout', subject: input.id, dueAt })
  return payout
}

async function settle(deps: PayoutsDeps, tx: Tx, payout: Payout): Promise<Payout> {
  if (payout.resultCode !== null || deps.clock.now() < payout.dueAt) return payout
  const { arrives, results } = receiverOf(payout.phone)
  const done = {
    ...payout,
    resultCode: arrives ? SUCCESS : UNREGISTERED_RECEIVER,
    transactionId: receiptNumber(deps.ids),
  }
  await endPayout(tx, done)
  const body = resultBody(done, arrives ? DONE : 'The receiver is not registered.')
  for (let i = 0; i < results; i++) await scheduleCallback(deps, tx, payout.resultUrl, body)
  return done
}

type Parameters = readonly (readonly [key: string, value: string | number])[]

const renderParameters = (all: Parameters): object => ({
  ResultParameters: { ResultParameter: all.map(([Key, Value]) => ({ Key, Value })) },
})

/** Renders the result of a payout. */
function resultBody(payout: Payout, said: string): string {
  const { id, conversationId, shillings, transactionId, phone, resultCode } = payout
  const parameters = renderParameters([
    ['TransactionAmount', Number(shillings)],
    ['TransactionReceipt', transactionId ?? ''],
    ['ReceiverPartyPublicName', `${phone} - John Doe`],
    ['B2CUtilityAccountAvailableFunds', 10_116],
  ])
  const Result = {
    ResultType: 0,
    ResultCode: Number(resultCode ?? '1037'),
    ResultDesc: said,
    OriginatorConversationID: id,
    ConversationID: conversationId,
    TransactionID: transactionId ?? '',
    ...(resultCode === SUCCESS && parameters),
  }
  return JSON.stringify({ Result })
}

/** Renders the result of a status query. */
function statusBody(payout: Payout | undefined, conversation: string): string {
  const head = {
    ResultType: 0,
    ResultCode: payout ? 0 : Number(NO_SUCH_PAYMENT),
    ResultDesc: payout ? DONE : 'The transaction does not exist.',
    OriginatorConversationID: `status-${conversation}`,
    ConversationID: conversation,
    TransactionID: '0000000000',
  }
  if (!payout) return JSON.stringify({ Result: head })
  const { id, conversationId, shillings, transactionId, phone, resultCode } = payout
  const status = resultCode === null ? 'Pending' : resultCode === SUCCESS ? 'Completed' : 'Failed'
  const parameters = renderParameters([
    ['DebitPartyName', '600000 - Sandbox Shop'],
    ['CreditPartyName', `${phone} - John Doe`],
    ['OriginatorConversationID', id],
    ['ConversationID', conversationId],
    ['Amount', `${shillings}.00`],
    ['TransactionStatus', status],
    ['ReasonType', 'Business Payment to Customer via API'],
    ...(resultCode === SUCCESS ? [['ReceiptNo', transactionId ?? ''] as const] : []),
  ])
  return JSON.stringify({ Result: { ...head, ...parameters } })
}
