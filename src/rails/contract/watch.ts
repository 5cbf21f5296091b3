import type { Money } from '#money'
import type { Fact } from './webhook.ts'

/** Part of a rail whose provider does not report payments by attempt (a blockchain). It polls for all watched attempts at once. */
export interface Watch {
  /** Delay between polls in ms, when `listen` reports nothing. */
  readonly everyMs: number
  /**
   * Returns what happened to the watched attempts after the poll that returned `cursor`. Without a cursor it starts about a day ago. The
   * cursor is opaque text of the rail.
   *
   * Payments stores the cursor in the transaction that applies the facts. If that transaction fails, the poll is repeated with the old
   * cursor and must return the same facts, so `poll` must have no side effects. Payments runs one poll at a time.
   *
   * Throws when the provider cannot answer; payments then keeps the old cursor.
   */
  poll(cursor: string | undefined, watched: readonly Watched[]): Promise<PollResult>
  /** Calls `wake` when a poll may find something new, until the signal aborts. This is a hint: polls find everything without it. */
  listen?(wake: () => void, signal: AbortSignal): Promise<void>
}

/** An attempt that `poll` watches. */
export interface Watched {
  readonly attemptId: string
  /** The reference that `start` returned. */
  readonly reference: string
  readonly amount: Money
}

export interface PollResult {
  readonly facts: readonly Fact[]
  /** Cursor for the next poll. */
  readonly cursor: string
  /** True: this poll did not reach the present. Payments polls again at once. */
  readonly more: boolean
  /** True: money in the cursor may still change. Payments keeps polling at `everyMs`, even when it watches no attempt. */
  readonly following: boolean
}
