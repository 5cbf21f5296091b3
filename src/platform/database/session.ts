import type pg from 'pg'
import { monotonicMs, waitMs } from '../base/clock.ts'
import type { Connections } from './pool.ts'
import { rawSql, sql, type Sql } from './sql.ts'
import type { Statements } from './statements.ts'

type Result = pg.QueryResult<pg.QueryResultRow>

export interface SessionOptions {
  /** Ends the connection at once when it aborts. A statement that runs then fails. */
  readonly signal?: AbortSignal | undefined
}

/** A connection beside the pool that ends for certain. */
export interface OpenSession {
  readonly client: pg.Client
  /** Process id of its server process. */
  readonly pid: number
  /** Runs a statement within the limit of the connection. */
  run(statement: Sql): Promise<Result>
  /** Runs a statement that may take hours, while another connection watches its server process. */
  runLong(statement: Sql): Promise<Result>
  close(): Promise<void>
}

export interface SessionDeps {
  readonly connections: Connections
  readonly statements: Statements
  readonly statementTimeoutMs: number
}

/** Time between two looks at the server process of a long statement. */
const LOOK_MS = 2_000
const LOOK_LIMIT_MS = 5_000
/** Time without a successful look after which the server counts as lost. */
const BLIND_MS = 60_000
/** Time that closing waits for an answer of the server. */
const CLOSE_MS = 1_000
const UNLOCK = rawSql('select pg_advisory_unlock_all()')

interface Process {
  readonly pid: number
  /** Start of the process, because process ids are used again. */
  readonly since: string
}

export async function openSession(deps: SessionDeps, { signal }: SessionOptions = {}): Promise<OpenSession> {
  const { connections, statements, statementTimeoutMs } = deps
  signal?.throwIfAborted()
  const client = await connections.open()
  const destroy = (): void => void client.connection.stream.destroy()
  const closed = new Promise<void>((resolve) => client.once('end', resolve))
  signal?.addEventListener('abort', destroy)
  if (signal?.aborted) destroy()
  const run = (statement: Sql): Promise<Result> => statements.sendAlone(client, statement)
  try {
    const [process] = (await run(SELF)).rows as Process[]
    if (!process) throw new Error('A session does not find its own server process')
    return {
      client,
      pid: process.pid,
      run,
      runLong: async (statement) => {
        await run(rawSql('set session statement_timeout = 0'))
        const watching = new AbortController()
        void watchProcess(deps, process, watching.signal).then((lost) => lost && destroy())
        try {
          return await statements.sendAlone(client, statement, { timeoutMs: 0 })
        } finally {
          watching.abort()
          // Fails in an aborted transaction, whose rollback takes the setting back, and without a connection.
          await run(rawSql(`set session statement_timeout = ${statementTimeoutMs}`)).catch(() => undefined)
        }
      },
      close: async () => {
        signal?.removeEventListener('abort', destroy)
        try {
          await statements.send(client, UNLOCK, { timeoutMs: CLOSE_MS })
          void client.end()
          if (!(await endsWithin(closed, CLOSE_MS))) destroy()
        } catch {
          destroy()
          // The server may not have noticed the end of the connection. Its process would keep the locks of the session.
          await endProcess(deps, process).catch(() => undefined)
        }
      },
    }
  } catch (error) {
    signal?.removeEventListener('abort', destroy)
    destroy()
    throw error
  }
}

const SELF = sql`select pid, backend_start::text as since from pg_stat_activity where pid = pg_backend_pid()`

/** Resolves with true when the client waits in vain: the process is gone, or waits for the client itself. With false once the signal aborts. */
async function watchProcess(
  { connections, statements }: SessionDeps,
  process: Process,
  signal: AbortSignal,
): Promise<boolean> {
  let idleSince: string | undefined
  let seenMs = monotonicMs()
  for (;;) {
    await waitMs(LOOK_MS, signal)
    if (signal.aborted) return false
    try {
      const found = await look({ connections, statements }, process)
      if (!found) return true
      seenMs = monotonicMs()
      // At one look the statement may be on its way to the server, or its answer on the way back.
      if (found.idleSince !== null && found.idleSince === idleSince) return true
      idleSince = found.idleSince ?? undefined
    } catch {
      if (monotonicMs() - seenMs > BLIND_MS) return true
    }
  }
}

async function look(
  { connections, statements }: Omit<SessionDeps, 'statementTimeoutMs'>,
  { pid, since }: Process,
): Promise<{ idleSince: string | null } | undefined> {
  const client = await connections.acquire()
  let broken: Error | undefined
  try {
    const { rows } = await statements.sendAlone(
      client,
      sql`select case when state like 'idle%' then state_change::text end as "idleSince"
        from pg_stat_activity where pid = ${pid} and backend_start::text = ${since}`,
      { timeoutMs: LOOK_LIMIT_MS },
    )
    return rows[0] as { idleSince: string | null } | undefined
  } catch (error) {
    broken = error as Error
    throw error
  } finally {
    client.release(broken)
  }
}

/** Ends the server process of a session over a new connection, because those of the pool may be frozen too. */
async function endProcess({ connections, statements }: SessionDeps, { pid, since }: Process): Promise<void> {
  const client = await connections.open()
  try {
    const end = sql`select pg_terminate_backend(pid) from pg_stat_activity where pid = ${pid} and backend_start::text = ${since}`
    await statements.sendAlone(client, end, { timeoutMs: LOOK_LIMIT_MS })
  } finally {
    client.connection.stream.destroy()
  }
}

async function endsWithin(ending: Promise<void>, ms: number): Promise<boolean> {
  const waiting = new AbortController()
  try {
    return await Promise.race([ending.then(() => true), waitMs(ms, waiting.signal).then(() => false)])
  } finally {
    waiting.abort()
  }
}
