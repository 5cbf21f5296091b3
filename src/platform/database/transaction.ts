import type pg from 'pg'
import { AppError } from '../base/errors.ts'
import { commitUnknown, PROOF, type CommitState, type Proof, type ReadBack } from './commit.ts'
import { isConflict, isConnectionUnusable, isRefusedCommit, isStaleStatement } from './failures.ts'
import type { Connections } from './pool.ts'
import { rawSql, type Sql } from './sql.ts'
import type { SendOptions, Statements } from './statements.ts'

export interface TransactionOptions {
  /**
   * Whether `act` gives the same result when it runs again after it was committed. Then it runs again when the end of its transaction is
   * unknown, or when a prepared statement became stale in it.
   */
  repeatable?: boolean
  /** Milliseconds after which PostgreSQL cancels a statement of the transaction. 0: no limit. Default: the limit of the connection. */
  timeoutMs?: number
  /** Reads one snapshot (isolation level repeatable read) and writes nothing. */
  snapshot?: boolean
}

/** Runs statements on the connection of a transaction. */
export interface OpenTransaction {
  run(statement: Sql): Promise<pg.QueryResult<pg.QueryResultRow>>
  afterCommit(act: () => void): void
}

type Act<T> = (open: OpenTransaction) => Promise<T>
type Link = Connections & Statements & { readonly readBack: ReadBack }
type Ending<T> =
  { state: 'committed'; result: T } | { state: Exclude<CommitState, 'committed'>; error: unknown; again: boolean }

const MAX_ATTEMPTS = 3

/** Runs a transaction: see `Db.transaction`. */
export async function transact<T>(link: Link, act: Act<T>, options: TransactionOptions): Promise<T> {
  let unnamed = false
  let unknown = false
  for (let attempt = 1; ; attempt++) {
    const after: (() => void)[] = []
    const ending = await runOnce(link, act, { ...options, unnamed }, after)
    if (ending.state === 'committed') {
      for (const run of after) run()
      return ending.result
    }
    const { error, state } = ending
    unknown ||= state === 'unknown'
    if (attempt < MAX_ATTEMPTS && ending.again) {
      unnamed ||= isStaleStatement(error)
      continue
    }
    // An earlier attempt may have been committed. Only an error that `act` decided on is a result then.
    throw unknown && !(error instanceof AppError) ? commitUnknown(error) : error
  }
}

type Once = TransactionOptions & SendOptions

async function runOnce<T>(link: Link, act: Act<T>, options: Once, after: (() => void)[]): Promise<Ending<T>> {
  const send = (client: pg.PoolClient) => (statement: Sql) => link.send(client, statement, options)
  let proof: Proof | undefined
  let done: { result: T } | undefined
  let client: pg.PoolClient | undefined
  try {
    client = await link.acquire()
    const run = send(client)
    proof = await begin(run, options)
    const result = await act({ run, afterCommit: (hook) => void after.push(hook) })
    done = { result }
    if ((await run(COMMIT)).command !== 'COMMIT') throw abortedCommit()
    client.release()
    return { state: 'committed', result }
  } catch (error) {
    if (client) await giveBack(client, error, send(client))
    if (!done || isRefusedCommit(error) || error instanceof AppError) {
      const again = isConflict(error) || (options.repeatable === true && isStaleStatement(error))
      return { state: 'rolled back', error, again }
    }
    // A snapshot wrote nothing, so its end does not matter.
    const state = proof ? await link.readBack(proof) : 'committed'
    if (state === 'committed') return { state, ...done }
    return { state, error, again: state === 'rolled back' || options.repeatable === true }
  }
}

const COMMIT = rawSql('commit')
const ROLLBACK = rawSql('rollback')

/** Begins a transaction in one round trip. Returns its proof. A snapshot has none. */
async function begin(
  run: OpenTransaction['run'],
  { timeoutMs, snapshot = false }: TransactionOptions,
): Promise<Proof | undefined> {
  const text = [
    snapshot ? 'begin isolation level repeatable read, read only' : 'begin',
    ...(timeoutMs === undefined ? [] : [`set local statement_timeout = ${timeoutMs}`]),
    ...(snapshot ? [] : [PROOF]),
  ]
  // Several statements in one query give several results, which the types omit.
  const results = [await run(rawSql(text.join('; ')))].flat()
  return results.at(-1)?.rows[0] as Proof | undefined
}

/** Rolls back and returns the connection to the pool. Destroys a connection that cannot be used again. */
async function giveBack(client: pg.PoolClient, error: unknown, run: OpenTransaction['run']): Promise<void> {
  let broken = isConnectionUnusable(error) ? (error as Error) : undefined
  if (!broken) await run(ROLLBACK).catch((failure: unknown) => (broken = failure as Error))
  client.release(broken)
}

const abortedCommit = (): AppError =>
  new AppError('internal', 500, 'A transaction went on after a statement had failed, so PostgreSQL rolled it back')
