import type pg from 'pg'
import { monotonicMs, waitMs } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { COMMIT_UNKNOWN } from './failures.ts'

/** Identifies a transaction, so that its end can be read back on another connection. */
export interface Proof {
  /** Transaction id. */
  readonly xid: string
  /**
   * Start of the server, and end of its last crash recovery. Another server, such as a promoted standby, has another start. A server that
   * recovered from the crash of one session keeps its start, but gives the transaction ids that were not flushed again.
   */
  readonly run: string
}

export type CommitState = 'committed' | 'rolled back' | 'unknown'

// PostgreSQL 15 and later discard the statistics in a crash recovery, and set this time. A reset by hand only makes a result unknown.
const RUN = `concat_ws(' ', extract(epoch from pg_postmaster_start_time()), extract(epoch from pg_stat_get_bgwriter_stat_reset_time()))`
/** Columns of `Proof` in an open transaction. This assigns the transaction id, which a transaction that writes needs anyway. */
export const PROOF = `select pg_current_xact_id()::text as xid, ${RUN} as run`

const READ_BACK_MS = 10_000
const MIN_RETRY_MS = 50
const MAX_RETRY_MS = 1_000
const QUERY_LIMIT_MS = 5_000
const RETRY_AFTER_SECONDS = 5

/**
 * Reads back whether a transaction was committed, on a new connection, for up to 10 s. The result is `unknown` when the server cannot be
 * reached, was restarted, or is another one: after a failover a commit of the old primary may be missing, or not.
 */
export type ReadBack = (proof: Proof) => Promise<CommitState>

/** Creates a `ReadBack` that opens one connection at a time. After an outage all connections of the pool may have lost a COMMIT. */
export function createReadBack(open: () => Promise<pg.Client>): ReadBack {
  const share = createShared(open)
  return async (proof) => {
    const deadlineMs = monotonicMs() + READ_BACK_MS
    for (let retryMs = MIN_RETRY_MS; ; retryMs = Math.min(retryMs * 2, MAX_RETRY_MS)) {
      const state = await share((client) => askOnce(proof, client)).catch(() => undefined)
      if (state) return state
      if (monotonicMs() + retryMs > deadlineMs) return 'unknown'
      await waitMs(retryMs)
    }
  }
}

/** Creates a function that runs acts one after the other on one connection, which is open while acts wait. */
function createShared(open: () => Promise<pg.Client>) {
  let shared: Promise<pg.Client> | undefined
  let users = 0
  let queue: Promise<unknown> = Promise.resolve()
  const drop = (connecting: Promise<pg.Client>): void => {
    if (shared === connecting) shared = undefined
    connecting.then(
      (client) => void client.end(),
      () => undefined,
    )
  }
  return async <T>(act: (client: pg.Client) => Promise<T>): Promise<T> => {
    const connecting = (shared ??= open())
    users += 1
    try {
      const client = await connecting
      const result = queue.then(() => act(client))
      queue = result.catch(() => undefined)
      return await result
    } catch (error) {
      drop(connecting)
      throw error
    } finally {
      users -= 1
      if (users === 0 && shared !== undefined) drop(shared)
    }
  }
}

/** Returns undefined while the transaction is still open. */
async function askOnce({ xid, run }: Proof, client: pg.Client): Promise<CommitState | undefined> {
  const ask = async <Row extends object>(text: string, values: string[]): Promise<Row | undefined> =>
    (await client.query<Row & pg.QueryResultRow>({ text, values, query_timeout: QUERY_LIMIT_MS } as pg.QueryConfig))
      .rows[0]
  const found = await ask<{ status: string | null }>(STATUS, [xid, run])
  if (found?.status === 'in progress') {
    await ask(END_IDLE, [xid, run])
    return undefined
  }
  if (found?.status === 'committed') return 'committed'
  return found?.status === 'aborted' ? 'rolled back' : 'unknown'
}

const STATUS = `select pg_xact_status($1::xid8) as status
  where ${RUN} = $2 and not pg_is_in_recovery()`
// The server did not receive COMMIT while the session is idle. Ending it rolls back, so that a COMMIT in transit cannot arrive later.
const END_IDLE = `select pg_terminate_backend(pid) from pg_stat_activity
  where backend_xid = ($1::xid8)::xid and ${RUN} = $2 and state like 'idle in transaction%'`

export const commitUnknown = (cause: unknown): AppError =>
  new AppError(
    COMMIT_UNKNOWN,
    503,
    'Purser lost its database during the request and cannot tell whether the request was stored. Send it again with the same Idempotency-Key.',
    { cause, retryAfterSeconds: RETRY_AFTER_SECONDS },
  )
