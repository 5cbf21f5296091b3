import type { Brand } from '#identity'
import type { Attempt, Intent, ManualMpesa, PaymentMethod } from '#payments'
import type { Speech } from '../../strings/strings.ts'
import type { Problem } from '../forms/problem.ts'

export interface View {
  readonly intent: Intent
  /** Methods of this payment that accept the amount due. */
  readonly methods: readonly PaymentMethod[]
  readonly speech: Speech
  readonly now: Date
  readonly brand?: Brand | undefined
  /** Error of the payer's last form, in the payer's language. */
  readonly problem?: Problem | undefined
  /** Phone number as the payer typed it, to show it again. */
  readonly typedPhone?: string | undefined
  /** URL to which the script redirects the payer. Set only in the response to the payer's own form. */
  readonly redirect?: string | undefined
  /** Pay Bill or Buy Goods number for payments from the M-Pesa menu, which an operator confirms. */
  readonly manualMpesa?: ManualMpesa | undefined
  /** URL of the practice phone and wallet in sandbox mode. */
  readonly practiceUrl?: string | undefined
}

/**
 * State of the page. `waiting`: a prompt is on a phone. `confirming`: money was seen that is not final. `closing`: the payment expired, but
 * a card page that was opened in time may still be completed. `address`: the payer sends to an address. `repricing`: the rate of the address
 * has expired. `transfer`: the payer sends a manual transfer.
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
  // An address is not shown beside an open page: the payer's request for it closes the page first.
  const page = livePage(intent)
  // A manual transfer extends the payment for itself only: an address asks for no money after the original end.
  const addressEnd = intent.onlyTransferFrom ?? intent.expiresAt
  const asks = !page && sent?.due !== undefined && sent.due.amount > 0n && now < addressEnd
  if (intent.status === 'processing' && !asks) return 'confirming'
  // Nothing can be started any more; the ledger's own state follows within seconds.
  if (now >= intent.expiresAt) return page || sent ? 'closing' : 'expired'
  if (!asks) return liveTransfer(intent) ? 'transfer' : 'choose'
  const { lockedUntil } = sent.exchange ?? {}
  return lockedUntil && now >= lockedUntil ? 'repricing' : 'address'
}

/** Returns the address attempt that the payer chose, while it can receive money. */
export const offeredAddress = ({ attempts }: Intent): Attempt | undefined =>
  attempts.findLast(
    (attempt) =>
      attempt.kind === 'address' && attempt.address !== undefined && (isLive(attempt) || attempt.status === 'settled'),
  )

/** Returns whether the state is likely to change soon, so that a page without script reloads itself. */
export const isMoving = (state: PanelState): boolean =>
  state === 'waiting' || state === 'confirming' || state === 'closing'

/** Returns whether the panel asks for money. It must stop when the payment expires. */
export const asksForMoney = (state: PanelState): boolean =>
  state === 'choose' || state === 'address' || state === 'repricing' || state === 'transfer'

/**
 * Returns whether the page can stop updating. If the result came from a query to M-Pesa, the receipt number arrives later with the callback.
 * If the payment was paid by card, a prompt may still be on a phone.
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

/** Returns the payer's last manual transfer, while it is live. */
export function liveTransfer({ attempts }: Intent): Attempt | undefined {
  const last = attempts.at(-1)
  return last?.kind === 'transfer' && last.address !== undefined && isLive(last) ? last : undefined
}

/** Returns the last manual transfer, whatever its status. */
export const lastTransfer = ({ attempts }: Intent): Attempt | undefined =>
  attempts.findLast(({ kind, status }) => kind === 'transfer' && status !== 'settled')

/** Returns whether other methods may be offered: no page is open, or the open one can be closed before another attempt starts. */
export function canSwitch({ intent, methods }: Pick<View, 'intent' | 'methods'>): boolean {
  const page = livePage(intent)
  if (!page) return true
  return page.redirectUrl !== undefined && methods.some(({ method, closes }) => method === page.method && closes)
}

/** Returns the attempt with an open provider page, if any. */
export const livePage = ({ attempts }: Intent, method?: string): Attempt | undefined =>
  attempts.findLast(
    (attempt) => attempt.kind === 'page' && isLive(attempt) && (method === undefined || attempt.method === method),
  )
