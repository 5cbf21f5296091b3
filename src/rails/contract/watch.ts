import type { Money } from '#money'
import type { Fact } from './webhook.ts'

/** A rail whose money arrives unasked: it looks at all its open attempts at once, again and again. */
export interface Watch {
  /** Time between looks when nothing wakes. */
  readonly everyMs: number
  /**
   * What became of the watched attempts since the look that gave `cursor`; undefined: since about a day ago. The cursor is the rail's own text.
   * It is stored in the transaction that handles the facts, so that a look that was not stored is simply repeated. One look at a time. Throws
   * when the provider cannot tell: nothing is known then, and the cursor stays.
   */
  look(cursor: string | undefined, watched: readonly Watched[]): Promise<Looked>
  /** Calls `wake` when there may be news, until the signal fires. A hint: looks find everything without it. */
  listen?(wake: () => void, signal: AbortSignal): Promise<void>
}

export interface Watched {
  readonly attemptId: string
  /** As `start` told it. */
  readonly reference: string
  readonly amount: Money
}

export interface Looked {
  readonly facts: readonly Fact[]
  readonly cursor: string
  /** There is more to catch up on: look again at once. */
  readonly more: boolean
  /** Money that was seen may still change: look on, also when nothing is watched any more. */
  readonly following: boolean
}
