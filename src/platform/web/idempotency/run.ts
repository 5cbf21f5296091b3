import { randomUUID } from 'node:crypto'
import { addMs, monotonicMs, waitMs, type Clock } from '../../base/clock.ts'
import type { Db, Queryable } from '../../database/db.ts'
import { AppError } from '../../base/errors.ts'
import {
  endLeases,
  extendLease,
  findRow,
  insertRunning,
  purgeRows,
  removeRow,
  storeAnswer,
  takeOver,
  type Claim,
  type Row,
} from './store.ts'

export interface IdempotentRequest<B> {
  /** Who and what: the merchant and the route. */
  scope: string
  /** The caller's key, from `idempotencyKeyOf`. */
  key: string
  /** From `hashRequest`. */
  hash: string
  /**
   * Called instead of `act` after a process died while it ran the request, or the run ended in an error that nobody foresaw: makes the
   * answer out of what is stored, or undefined when nothing was done. Without it `act` runs again, so then `act` must itself do nothing twice for the same key. `since`: when the request
   * first came.
   */
  rebuild?: (since: Date) => Promise<IdempotentAnswer<B> | undefined>
}

/** `body` is kept as JSON text for 30 days: no secret in it. */
export interface IdempotentAnswer<B> {
  status: number
  body: B
}

export interface Idempotency {
  /**
   * Runs `act` once per scope and key and gives its answer to every repeat. What is kept: answers below 400, and refusals thrown as
   * AppError with 402, 404, 409, 410 or 422 (a repeat throws the same with `replayed: true`), unless they say when to try again. Other
   * refusals free the key, so that a retry runs again; after any other error a retry is as after a death: `rebuild`, or `act` again. No connection is held while `act` runs or a repeat waits.
   * Throws 409 `idempotency-key-reused` for another hash, 409 `idempotency-in-progress` when the first takes longer than 10 s.
   */
  run<B>(
    db: Db,
    request: IdempotentRequest<B>,
    act: () => Promise<IdempotentAnswer<B>>,
  ): Promise<IdempotentAnswer<B> & { replayed: boolean }>
  /** Every other process is dead: what they had begun may be taken over at once. @returns how many requests that were */
  adopt(q: Queryable): Promise<number>
  /** Removes up to `limit` keys first used before `before`. */
  purge(q: Queryable, before: Date, limit: number): Promise<number>
}

/** A refusal that a repeat of the request gets again. */
class ReplayedError extends AppError {
  readonly replayed = true
}

export const IDEMPOTENCY_TTL_MS = 30 * 24 * 3_600_000
/** A run that lives renews its lease; one that did not for so long is dead. */
const LEASE_MS = 60_000
const WAIT_MS = 10_000
const FIRST_LOOK_MS = 25
const LAST_LOOK_MS = 250
const KEPT_REFUSALS = new Set([402, 404, 409, 410, 422])

export function createIdempotency({
  clock,
  waitMs: patience = WAIT_MS,
}: {
  clock: Clock
  waitMs?: number
}): Idempotency {
  return { run, adopt: (q) => endLeases(q, clock.now()), purge: purgeRows }

  async function run<B>(db: Db, request: IdempotentRequest<B>, act: () => Promise<IdempotentAnswer<B>>) {
    const owner = randomUUID()
    const until = monotonicMs() + patience
    for (let lookMs = FIRST_LOOK_MS; ; lookMs = Math.min(lookMs * 1.5, LAST_LOOK_MS)) {
      const claim = claimOf(request, owner)
      if (await insertRunning(db, claim)) return perform(db, claim, act)
      const row = await findRow(db, request.scope, request.key)
      if (!row || (await isOld(db, request, row))) continue
      if (row.hash !== request.hash) throw reused()
      if (row.state === 'done') return replay<B>(row)
      if (row.leaseUntil <= claim.now && (await takeOver(db, claim, row.owner))) {
        return perform(db, claim, async () => (await request.rebuild?.(row.createdAt)) ?? act())
      }
      if (monotonicMs() >= until) throw inProgress()
      await waitMs(lookMs)
    }
  }

  function claimOf({ scope, key, hash }: IdempotentRequest<unknown>, owner: string): Claim {
    const now = clock.now()
    return { scope, key, hash, owner, now, leaseUntil: addMs(now, LEASE_MS) }
  }

  async function isOld(db: Db, request: IdempotentRequest<unknown>, row: Row): Promise<boolean> {
    if (row.createdAt > addMs(clock.now(), -IDEMPOTENCY_TTL_MS)) return false
    return (await removeRow(db, request, row.owner)) === 1
  }

  async function perform<B>(db: Db, claim: Claim, act: () => Promise<IdempotentAnswer<B>>) {
    const renewal = setInterval(() => {
      // A renewal that fails is tried again by the next; the lease lasts for three.
      extendLease(db, { ...claim, leaseUntil: addMs(clock.now(), LEASE_MS) }).catch(() => undefined)
    }, LEASE_MS / 4)
    renewal.unref()
    try {
      const answer = await act().catch(async (error: unknown) => {
        if (isKept(error)) await storeAnswer(db, claim, error.status, refusalText(error))
        // The error of `act` matters more than that of the removal; then the end of the lease frees the key.
        else if (isRefusal(error)) await removeRow(db, claim, claim.owner).catch(() => 0)
        // It may have acted: the key stays that of this request, and whoever repeats it takes over at once.
        else await extendLease(db, { ...claim, leaseUntil: clock.now() }).catch(() => 0)
        throw error
      })
      // Should this fail, the key stays held until its lease ends: what was done must not be done again at once.
      await storeAnswer(db, claim, answer.status, JSON.stringify(answer.body ?? null))
      return { ...answer, replayed: false }
    } finally {
      clearInterval(renewal)
    }
  }
}

const isKept = (error: unknown): error is AppError =>
  error instanceof AppError && KEPT_REFUSALS.has(error.status) && error.retryAfterSeconds === undefined

/** Said before anything was done. What the program did not foresee is an error of 500. */
const isRefusal = (error: unknown): boolean => error instanceof AppError && error.status !== 500

const refusalText = ({ code, message, param }: AppError): string => JSON.stringify({ code, message, param })

function replay<B>({ status, body }: Row): IdempotentAnswer<B> & { replayed: true } {
  const parsed: unknown = JSON.parse(body ?? 'null')
  if (status === null) throw new AppError('internal', 500, 'An answered idempotency key has no status')
  if (status < 400) return { status, body: parsed as B, replayed: true }
  const { code, message, param } = parsed as { code: string; message: string; param?: string }
  throw new ReplayedError(code, status, message, param === undefined ? {} : { param })
}

const reused = (): AppError =>
  new AppError(
    'idempotency-key-reused',
    409,
    'This Idempotency-Key was used with another request: use a new key for a new request.',
  )

const inProgress = (): AppError =>
  new AppError(
    'idempotency-in-progress',
    409,
    'The first request with this Idempotency-Key is still running: ask again with the same key.',
    {
      retryAfterSeconds: 1,
    },
  )
