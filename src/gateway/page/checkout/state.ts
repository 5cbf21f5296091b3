import type { Brand } from '#identity'
import type { Attempt, Intent, ManualMpesa, PaymentMethod } from '#payments'
import type { Speech } from '../../strings/strings.ts'
import type { Problem } from '../forms/problem.ts'

export interface View {
  readonly intent: Intent
  /** The methods of this payment that can take what is due now. */
  readonly methods: readonly PaymentMethod[]
  readonly speech: Speech
  readonly now: Date
  readonly brand?: Brand | undefined
  /** What went wrong with what the payer just sent, in their words. */
  readonly problem?: Problem | undefined
  /** What the payer typed, to be shown again. */
  readonly typedPhone?: string | undefined
  /** Where the script sends the payer on to: set only in the answer to the payer's own request. */
  readonly redirect?: string | undefined
  /** The pay bill or till that takes payments from the M-Pesa menu, which an operator confirms. */
  readonly byHand?: ManualMpesa | undefined
  /** Where whoever tries this out can pay. */
  readonly practiceUrl?: string | undefined
}

/**
 * What the page shows. `waiting`: a prompt is on a phone. `confirming`: money was seen that is not final. `closing`: the time is up, but
 * a card page that was opened in time may still be finished. `address`: the payer sends to an address. `repricing`: what was asked for there was
 * worked out too long ago. `transfer`: the payer sends it by hand.
 */
export type PanelState =
  | 'choose'
  | 'address'
  | 'repricing'
  | 'transfer'
  | 'waiting'
  | 'confirming'
  | 'closing'
  | 'paid'
  | 'expired'
  | 'canceled'
  | 'failed'
  | 'reversed'

export function stateOf(intent: Intent, now: Date): PanelState {
  if (intent.status !== 'open' && intent.status !== 'processing') return intent.status
  if (livePush(intent)) return 'waiting'
  const sent = offeredAddress(intent)
  // An address is not shown beside an open page: asking for it closes the page first.
  const page = livePage(intent)
  const asks = !page && sent?.due !== undefined && sent.due.amount > 0n && now < intent.expiresAt
  if (intent.status === 'processing' && !asks) return 'confirming'
  // Nothing can be started any more; the ledger's own word follows within seconds.
  if (now >= intent.expiresAt) return page || sent ? 'closing' : 'expired'
  if (!asks) return liveTransfer(intent) ? 'transfer' : 'choose'
  const { lockedUntil } = sent.exchange ?? {}
  return lockedUntil && now >= lockedUntil ? 'repricing' : 'address'
}

/** The address that the payer has asked for, while it is paid to. */
export const offeredAddress = ({ attempts }: Intent): Attempt | undefined =>
  attempts.findLast(
    (attempt) =>
      attempt.kind === 'address' && attempt.address !== undefined && (isLive(attempt) || attempt.status === 'settled'),
  )

/** Whether the server's answer can be looked for again soon, so that a page without script reloads itself. */
export const isMoving = (state: PanelState): boolean =>
  state === 'waiting' || state === 'confirming' || state === 'closing'

/** Whether the panel asks for money: it must stop when the time of the payment is up. */
export const asksForMoney = (state: PanelState): boolean =>
  state === 'choose' || state === 'address' || state === 'repricing' || state === 'transfer'

/**
 * Whether the page has nothing more to wait for. Paid by M-Pesa's answer to a question, the receipt number comes later, with the callback;
 * paid by card, a prompt may still be on a phone.
 */
export function isSettled(intent: Intent): boolean {
  if (intent.status === 'open' || intent.status === 'processing') return false
  if (intent.status !== 'paid') return true
  if (livePush(intent)) return false
  const pushes = new Set(intent.attempts.filter(({ kind }) => kind === 'push').map(({ id }) => id))
  return intent.receipts.every(({ attemptId, number }) => number !== undefined || !pushes.has(attemptId))
}

const isLive = ({ status }: Attempt): boolean =>
  status === 'created' || status === 'submitting' || status === 'pending' || status === 'unknown'

export const livePush = ({ attempts }: Intent): Attempt | undefined =>
  attempts.find((attempt) => attempt.kind === 'push' && isLive(attempt))

/** The transfer by hand that the payer has asked for last. */
export function liveTransfer({ attempts }: Intent): Attempt | undefined {
  const last = attempts.at(-1)
  return last?.kind === 'transfer' && last.address !== undefined && isLive(last) ? last : undefined
}

/** The transfer by hand that was begun last, whatever became of it. */
export const lastTransfer = ({ attempts }: Intent): Attempt | undefined =>
  attempts.findLast(({ kind, status }) => kind === 'transfer' && status !== 'settled')

/** Whether other ways may be offered: no page is open, or the open one can be closed before another way starts. */
export function canSwitch({ intent, methods }: Pick<View, 'intent' | 'methods'>): boolean {
  const page = livePage(intent)
  if (!page) return true
  return page.redirectUrl !== undefined && methods.some(({ method, closes }) => method === page.method && closes)
}

/** The provider's page that the payer has begun on, if any. */
export const livePage = ({ attempts }: Intent, method?: string): Attempt | undefined =>
  attempts.findLast(
    (attempt) => attempt.kind === 'page' && isLive(attempt) && (method === undefined || attempt.method === method),
  )
