import { randomInt } from 'node:crypto'
import { addMs, monotonicMs, waitMs, type Clock } from '../../base/clock.ts'
import { isDatabaseUnavailable, type Db, type Queryable } from '../../database/db.ts'
import { AppError } from '../../base/errors.ts'
import {
  findRow,
  insertRunning,
  purgeRows,
  release,
  removeRow,
  storeAnswer,
  takeOver,
  type Claim,
  type Row,
} from './store.ts'

export interface IdempotentRequest<B> {
  /** Scope of the key: the merchant and the route. */
  scope: string
  /** The caller's key, from `idempotencyKeyOf`. */
  key: string
  /** From `hashRequest`. */
  hash: string
  /**
   * Builds the response from stored data, or returns undefined when the request had no effect. Called instead of `act` after the process
   * died during the request, or after an unexpected error. Without it `act` runs again, so `act` must then be idempotent for the key.
   * `since` is the time of the first request.
   */
  rebuild?: (since: Date) => Promise<IdempotentAnswer<B> | undefined>
}

/** Response of a request. `body` is stored as JSON text for 30 days, so it must not contain a secret. */
export interface IdempotentAnswer<B> {
  status: number
  body: B
}

export interface Idempotency {
  /**
   * Runs `act` once per scope and key and returns its response to every repeat.
   * - Stored: responses below 400, and AppErrors with 402, 404, 409, 410 or 422 without `retryAfterSeconds`. A repeat throws the same
   *   error with `replayed: true`.
   * - Other AppErrors, except 500, release the key, so that a retry runs `act` again.
   * - After any other error a retry behaves as after a crash: it calls `rebuild`, or `act` again.
   *
   * Holds no connection while `act` runs or a repeat waits. Throws 409 `idempotency-key-reused` for another hash and 409
   * `idempotency-in-progress` when the first request takes longer than 10 s.
   */
  run<B>(
    db: Db,
    request: IdempotentRequest<B>,
    act: () => Promise<IdempotentAnswer<B>>,
  ): Promise<IdempotentAnswer<B> & { replayed: boolean }>
  /** Deletes up to `limit` keys first used before `before`. */
  purge(q: Queryable, before: Date, limit: number): Promise<number>
}

/** A stored error that a repeated request receives again. */
class ReplayedError extends AppError {
  readonly replayed = true
}

export const IDEMPOTENCY_TTL_MS = 30 * 24 * 3_600_000
const WAIT_MS = 10_000
/** A key can be removed and used again. The first claim is random, so that a run of the removed key is no holder of the new one. */
const MAX_FIRST_CLAIM = 2 ** 47
const MIN_POLL_MS = 25
const MAX_POLL_MS = 250
const STORED_ERROR_STATUSES = new Set([402, 404, 409, 410, 422])

export function createIdempotency({
  clock,
  instanceId,
  giveBack,
  requireHeartbeat,
  waitMs: maxWaitMs = WAIT_MS,
}: {
  clock: Clock
  /** Id of this process among `platform.instances`. The keys of a dead instance are freed. */
  instanceId: string
  /** Frees the key of a run that could not end it, once the database is back. */
  giveBack(run: Pick<Claim, 'scope' | 'key' | 'claim'>): void
  /** Resolves when other instances see this one live, so that they leave its keys alone. */
  requireHeartbeat(): Promise<void>
  waitMs?: number
}): Idempotency {
  return { run, purge: purgeRows }

  async function run<B>(db: Db, request: IdempotentRequest<B>, act: () => Promise<IdempotentAnswer<B>>) {
    const until = monotonicMs() + maxWaitMs
    await requireHeartbeat()
    for (let pollMs = MIN_POLL_MS; ; pollMs = Math.min(pollMs * 1.5, MAX_POLL_MS)) {
      const claim = createClaim(request, BigInt(randomInt(MAX_FIRST_CLAIM)))
      // A claim without an answer may be stored. No work would know it, so it is given back.
      if (await insertRunning(db, claim).catch(freeLater(claim))) return perform(db, claim, act)
      const row = await findRow(db, request.scope, request.key)
      if (!row || (await removeExpired(db, request, row))) continue
      if (row.hash !== request.hash) throw keyReused()
      if (row.state === 'done') return replay<B>(row)
      const next = createClaim(request, row.claim + 1n)
      if (row.claimedBy === null && (await takeOver(db, next).catch(freeLater(next)))) {
        return perform(db, next, async () => (await request.rebuild?.(row.createdAt)) ?? act())
      }
      if (monotonicMs() >= until) throw inProgress()
      await waitMs(pollMs)
    }
  }

  function createClaim({ scope, key, hash }: IdempotentRequest<unknown>, claim: bigint): Claim {
    return { scope, key, hash, holder: instanceId, claim, now: clock.now() }
  }

  async function removeExpired(db: Db, request: IdempotentRequest<unknown>, row: Row): Promise<boolean> {
    if (row.createdAt > addMs(clock.now(), -IDEMPOTENCY_TTL_MS)) return false
    return (await removeRow(db, { ...request, claim: row.claim })) === 1
  }

  async function perform<B>(db: Db, claim: Claim, act: () => Promise<IdempotentAnswer<B>>) {
    // If the end of the run cannot be stored, the key is freed later, so that a repeat does not run `act` again at once.
    const answer = await act().catch(async (error: unknown) => {
      if (isStorable(error)) await storeAnswer(db, claim, error.status, serializeError(error)).catch(freeLater(claim))
      // Ignore an error of the removal, to throw the error of `act`.
      else if (isRefusal(error)) await removeRow(db, claim).catch(() => giveBack(claim))
      // `act` may have had effects: keep the key without a holder, so that a repeat takes over at once.
      else await release(db, claim).catch(() => giveBack(claim))
      throw error
    })
    await storeAnswer(db, claim, answer.status, JSON.stringify(answer.body ?? null)).catch(freeLater(claim))
    return { ...answer, replayed: false }
  }

  function freeLater(claim: Claim): (error: unknown) => never {
    return (error) => {
      giveBack(claim)
      throw error
    }
  }
}

const isStorable = (error: unknown): error is AppError =>
  error instanceof AppError && STORED_ERROR_STATUSES.has(error.status) && error.retryAfterSeconds === undefined

/** Returns whether the error is a deliberate refusal before any effect. Unexpected errors have status 500, and a lost COMMIT may have had effects. */
const isRefusal = (error: unknown): boolean =>
  error instanceof AppError && error.status !== 500 && !isDatabaseUnavailable(error)

const serializeError = ({ code, message, param }: AppError): string => JSON.stringify({ code, message, param })

function replay<B>({ status, body }: Row): IdempotentAnswer<B> & { replayed: true } {
  const parsed: unknown = JSON.parse(body ?? 'null')
  if (status === null) throw new AppError('internal', 500, 'An answered idempotency key has no status')
  if (status < 400) return { status, body: parsed as B, replayed: true }
  const { code, message, param } = parsed as { code: string; message: string; param?: string }
  throw new ReplayedError(code, status, message, param === undefined ? {} : { param })
}

const keyReused = (): AppError =>
  new AppError(
    'idempotency-key-reused',
    409,
    'This Idempotency-Key was used with another request. Use a new key for a new request.',
  )

const inProgress = (): AppError =>
  new AppError(
    'idempotency-in-progress',
    409,
    'The first request with this Idempotency-Key is still running. Retry with the same key.',
    {
      retryAfterSeconds: 1,
    },
  )
