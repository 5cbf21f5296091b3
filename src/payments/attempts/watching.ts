import type { Transfer } from '#ledger'
import { money } from '#money'
import { addMs } from '#platform/base/clock'
import { isDatabaseUnavailable, type Tx } from '#platform/database/db'
import { describeError } from '#platform/base/errors'
import type { DueQueue } from '#platform/runtime/jobs'
import type { Fact, Rail, Watch, Watched } from '#rails/contract'
import { type Context, transactMoney } from '../context.ts'
import { listAllWatchedAttempts, listWatched } from '../store/addresses.ts'
import { type AttemptRow, findAttempt } from '../store/attempts.ts'
import { lockIntents } from '../store/intents.ts'
import {
  claimWatch,
  ensureWatchRow,
  storePollFailure,
  storePollResult,
  sweepRowName,
  wakeWatch,
  type WatchRow,
  WATCHES,
} from '../store/watching.ts'
import { applyOutcome } from './outcomes.ts'

/** Poll interval while no address is watched. It keeps the cursor near the tip. */
const IDLE_MS = 5 * 60_000
/** Deadlines. A poll reads some blocks, a sweep the same blocks for every address ever issued. */
const POLL_LIMIT_MS = 180_000
const SWEEP_LIMIT_MS = 30 * 60_000
const SWEEP_EVERY_MS = 24 * 60 * 60_000
const SWEEP_RETRY_MS = 10 * 60_000
const MAX_WATCHED = 50_000
const MAX_ALL_WATCHED = 500_000
const MAX_TRANSFERS_PER_POST = 900

type Watcher = Rail & { readonly watch: Watch }

const canWatch = (rail: Rail): rail is Watcher => rail.watch !== undefined

export interface Watching {
  readonly queues: readonly DueQueue<WatchRow>[]
  wake(rail: string): Promise<void>
  /** Stops the listeners and waits until they have ended. */
  close(): Promise<void>
}

/**
 * Creates the poll queues of rails that receive money without a request, such as Bitcoin. A row in `payments.watches`
 * is claimed by one process, and only the holder stores facts and cursor, in one transaction. A process starts
 * to listen for provider notifications at its first poll.
 */
export function createWatching(context: Context): Watching {
  const closing = new AbortController()
  const listening = new Map<string, Promise<void>>()
  const wake = async (rail: string): Promise<void> => {
    if (closing.signal.aborted) return
    await wakeWatch(context.db, rail, context.clock.now())
    context.jobs().wake(queueName(rail))
  }
  const listen = ({ name, watch }: Watcher): void => {
    if (!watch.listen || listening.has(name) || closing.signal.aborted) return
    const failed = (error: unknown): void =>
      context.log.warn({ rail: name, error }, 'could not listen to a rail’s notifications')
    const woken = (): void => void wake(name).catch(failed)
    listening.set(name, watch.listen(woken, closing.signal).catch(failed))
  }
  return {
    queues: context.rails
      .filter(canWatch)
      .flatMap((rail) => [watchQueue(context, rail, listen), sweepQueue(context, rail)]),
    wake,
    close: async () => {
      closing.abort()
      await Promise.all(listening.values())
    },
  }
}

const queueName = (row: string): string => `payments.watch-${row}`

interface PollQueue {
  /** Row in `payments.watches`. */
  readonly row: string
  /** Delay after a failed poll. */
  readonly retryMs: number
  /** Deadline of a poll. */
  readonly limitMs: number
  poll(row: WatchRow): Promise<void>
}

const watchQueue = (context: Context, rail: Watcher, listen: (rail: Watcher) => void): DueQueue<WatchRow> =>
  pollQueue(context, rail, {
    row: rail.name,
    retryMs: rail.watch.everyMs,
    limitMs: POLL_LIMIT_MS,
    poll: async (row) => {
      listen(rail)
      await poll(context, rail, row)
    },
  })

/** Creates a queue for sweeps, so that a long or failing sweep does not delay the detection of new deposits. */
const sweepQueue = (context: Context, rail: Watcher): DueQueue<WatchRow> =>
  pollQueue(context, rail, {
    row: sweepRowName(rail.name),
    retryMs: SWEEP_RETRY_MS,
    limitMs: SWEEP_LIMIT_MS,
    poll: (row) => sweep(context, rail, row),
  })

function pollQueue(
  context: Context,
  rail: Watcher,
  { row: name, retryMs, limitMs, poll: pollRow }: PollQueue,
): DueQueue<WatchRow> {
  let opened = false
  return {
    name: queueName(name),
    concurrency: 1,
    batch: 1,
    idleMs: 500,
    limitMs,
    claims: WATCHES,
    claim: async (_, now, holder) => {
      if (rail.unavailable() !== undefined) return []
      if (!opened) await ensureWatchRow(context.db, name, now)
      opened = true
      const row = await claimWatch(context.db, name, now, holder)
      return row ? [row] : []
    },
    // A failed poll is repeated from the same cursor.
    handle: async (row) => {
      try {
        await pollRow(row)
      } catch (error) {
        const now = context.clock.now()
        const problem = describeError(error).slice(0, 300)
        const since = await storePollFailure(context.db, row, { problem, now, dueAt: addMs(now, retryMs) })
        context.log.warn({ rail: name, since, error }, 'a watching rail could not be polled')
      }
    },
  }
}

/** Polls the rail for all watched addresses, and stores the facts with the new cursor. */
async function poll(context: Context, rail: Watcher, row: WatchRow): Promise<void> {
  const now = context.clock.now()
  // Addresses that were watched at the end of the last poll still count as watched, however long polling was down.
  const since = row.caughtUpAt !== null && row.caughtUpAt < now ? row.caughtUpAt : now
  const open = (await listWatched(context.db, rail.name, since, MAX_WATCHED)).map(toWatched)
  const watched = warnIfTruncated(context, rail.name, MAX_WATCHED, open)
  const { facts, cursor, more, following } = await rail.watch.poll(row.cursor ?? undefined, watched)
  const idle = watched.length === 0 && !following
  const dueAt = more ? now : addMs(now, idle ? IDLE_MS : rail.watch.everyMs)
  await storeFacts(context, rail, row, facts, { cursor, dueAt, caughtUpAt: more ? row.caughtUpAt : now })
}

/** Polls for all addresses ever issued, once a day. Finds deposits to old addresses, which are watched from then on. */
async function sweep(context: Context, rail: Watcher, row: WatchRow): Promise<void> {
  const now = context.clock.now()
  const all = await listAllWatched(context, rail.name)
  const polled = await rail.watch.poll(row.cursor ?? undefined, all)
  const watched = await listWatched(context.db, rail.name, now, MAX_WATCHED)
  const known = new Set(watched.map(({ attemptId }) => attemptId))
  // The regular poll reports deposits to watched addresses, because it remembers what it reported.
  const facts = polled.facts.filter(({ about }) => 'attemptId' in about && !known.has(about.attemptId))
  const { cursor, more } = polled
  const dueAt = more ? now : addMs(now, SWEEP_EVERY_MS)
  await storeFacts(context, rail, row, facts, { cursor, dueAt, caughtUpAt: more ? row.caughtUpAt : now })
}

/**
 * Stores facts and cursor, all or nothing. When that fails, stores each payment separately, skips the failing ones and
 * keeps the cursor moving.
 */
async function storeFacts(
  context: Context,
  rail: Watcher,
  row: WatchRow,
  facts: readonly Fact[],
  next: Parameters<typeof storePollResult>[2],
): Promise<void> {
  const about = await matchAttempts(context, rail, facts)
  try {
    await applyFacts(context, about, async (tx) => {
      // The error rolls everything back: the process that claimed the row since finds the same facts.
      if (!(await storePollResult(tx, row, next))) throw new LostClaim()
    })
  } catch (error) {
    if (error instanceof LostClaim) {
      context.log.warn({ rail: row.rail }, 'another process took the poll over')
      return
    }
    // Without the database no payment is at fault. The facts may have been stored: a repeat of the poll then changes nothing.
    if (isDatabaseUnavailable(error)) throw error
    const failed = await applyPerIntent(context, about)
    // Every payment failed, so the fault is on our side: keep the cursor. Otherwise skip the failing payments; the
    // daily reconciliation finds their money.
    if (failed.length === about.length) throw error
    await applyFacts(context, [], async (tx) => void (await storePollResult(tx, row, next)))
  }
}

class LostClaim extends Error {}

async function applyFacts(
  context: Context,
  about: readonly MatchedFact[],
  storeCursor: (tx: Tx) => Promise<void>,
): Promise<void> {
  await transactMoney(context, async (tx, contended) => {
    await lockIntents(tx, [...new Set(about.map(({ attempt }) => attempt.intentId))])
    const transfers: Transfer[] = []
    for (const { fact, attempt } of about)
      await applyOutcome(tx, context, { attempt, outcome: fact.outcome, from: 'event' }, { contended, transfers })
    for (let from = 0; from < transfers.length; from += MAX_TRANSFERS_PER_POST)
      await context.ledger.post(tx, transfers.slice(from, from + MAX_TRANSFERS_PER_POST))
    await storeCursor(tx)
  })
}

/**
 * Applies facts payment by payment, so that one failing payment does not block the others. Facts that are recorded
 * already change nothing.
 */
async function applyPerIntent(context: Context, about: readonly MatchedFact[]): Promise<readonly MatchedFact[]> {
  const failed: MatchedFact[] = []
  for (const [paymentId, of] of Map.groupBy(about, ({ attempt }) => attempt.intentId)) {
    await applyFacts(context, of, async () => undefined).catch((error: unknown) => {
      if (isDatabaseUnavailable(error)) throw error
      context.log.error({ paymentId, error }, 'facts about a payment could not be stored')
      failed.push(...of)
    })
  }
  return failed
}

const toWatched = (row: Awaited<ReturnType<typeof listWatched>>[number]): Watched => ({
  attemptId: row.attemptId,
  reference: row.reference,
  amount: money(row.asset, row.amount),
})

/** Lists all attempts that ever had an address on this rail. */
export const listAllWatched = async (context: Context, rail: string): Promise<Watched[]> =>
  warnIfTruncated(
    context,
    rail,
    MAX_ALL_WATCHED,
    (await listAllWatchedAttempts(context.db, rail, MAX_ALL_WATCHED)).map(toWatched),
  )

function warnIfTruncated(context: Context, rail: string, most: number, watched: Watched[]): Watched[] {
  if (watched.length === most)
    context.log.error({ rail, most }, 'more addresses than the limit: the oldest are not polled')
  return watched
}

interface MatchedFact {
  readonly fact: Fact
  readonly attempt: AttemptRow
}

/** Finds the attempt of each fact. Keeps the order, because one receipt can have several facts. */
async function matchAttempts(context: Context, rail: Rail, facts: readonly Fact[]): Promise<MatchedFact[]> {
  const known = new Map<string, AttemptRow | undefined>()
  const found: MatchedFact[] = []
  for (const fact of facts) {
    const id = 'attemptId' in fact.about ? fact.about.attemptId : ''
    if (!known.has(id)) known.set(id, await findAttempt(context.db, id))
    const attempt = known.get(id)
    if (attempt?.rail === rail.name) found.push({ fact, attempt })
    else context.securityEvent('fact-of-no-attempt', { rail: rail.name, attemptId: id })
  }
  return found
}
