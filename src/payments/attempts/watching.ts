import type { Transfer } from '#ledger'
import { money } from '#money'
import { addMs } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import { describeError } from '#platform/base/errors'
import type { DueQueue } from '#platform/runtime/jobs'
import type { Fact, Rail, Watch, Watched } from '#rails/contract'
import { type Context, transactMoney } from '../context.ts'
import { listEverWatched, listWatched } from '../store/addresses.ts'
import { type AttemptRow, findAttempt } from '../store/attempts.ts'
import { lockIntents } from '../store/intents.ts'
import {
  claimWatch,
  freeWatch,
  openWatch,
  storeFailure,
  storeLook,
  sweepOf,
  wakeWatch,
  type WatchRow,
} from '../store/watching.ts'
import { applyOutcome } from './outcomes.ts'

/** A look that takes longer may be done again by another process; only one of them is stored. */
const LEASE_MS = 180_000
/** While nothing is watched or followed, the cursor is kept near the tip so often. */
const IDLE_MS = 5 * 60_000
/** A sweep reads the same blocks for all addresses there ever were. */
const SWEEP_LEASE_MS = 30 * 60_000
const SWEEP_EVERY_MS = 24 * 60 * 60_000
const SWEEP_AGAIN_MS = 10 * 60_000
const MOST_WATCHED = 50_000
const MOST_EVER = 500_000
const MOST_TRANSFERS = 900

type Watcher = Rail & { readonly watch: Watch }

const canWatch = (rail: Rail): rail is Watcher => rail.watch !== undefined

export interface Watching {
  readonly queues: readonly DueQueue<WatchRow>[]
  wake(rail: string): Promise<void>
  /** Listens no more. */
  close(): Promise<void>
}

/**
 * Looks of the rails whose money arrives unasked. A row in the database is the right to look: one process has it at a time, and only who has it
 * stores what was learned, in one transaction with the cursor. A process listens for news from its first look on.
 */
export function createWatching(context: Context): Watching {
  const closing = new AbortController()
  const listening = new Map<string, Promise<void>>()
  const wake = async (rail: string): Promise<void> => {
    if (closing.signal.aborted) return
    await wakeWatch(context.db, rail, context.clock.now())
    context.jobs().wake(queueOf(rail))
  }
  const listen = ({ name, watch }: Watcher): void => {
    if (!watch.listen || listening.has(name) || closing.signal.aborted) return
    const failed = (error: unknown): void => context.log.warn({ rail: name, error }, 'a rail’s news cannot be followed')
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

const queueOf = (row: string): string => `payments.watch-${row}`

interface Looking {
  /** Of the table of watches. */
  readonly row: string
  readonly leaseMs: number
  /** After a failure. */
  readonly againMs: number
  look(row: WatchRow): Promise<void>
}

const watchQueue = (context: Context, rail: Watcher, listen: (rail: Watcher) => void): DueQueue<WatchRow> =>
  lookQueue(context, rail, {
    row: rail.name,
    leaseMs: LEASE_MS,
    againMs: rail.watch.everyMs,
    look: async (row) => {
      listen(rail)
      await look(context, rail, row)
    },
  })

/** Apart from the looks, so that neither its length nor its failure keeps new money waiting. */
const sweepQueue = (context: Context, rail: Watcher): DueQueue<WatchRow> =>
  lookQueue(context, rail, {
    row: sweepOf(rail.name),
    leaseMs: SWEEP_LEASE_MS,
    againMs: SWEEP_AGAIN_MS,
    look: (row) => sweep(context, rail, row),
  })

function lookQueue(
  context: Context,
  rail: Watcher,
  { row: name, leaseMs, againMs, look: act }: Looking,
): DueQueue<WatchRow> {
  let opened = false
  return {
    name: queueOf(name),
    concurrency: 1,
    batch: 1,
    idleMs: 500,
    claim: async (_, now) => {
      if (rail.unavailable() !== undefined) return []
      if (!opened) await openWatch(context.db, name, now)
      opened = true
      const row = await claimWatch(context.db, name, now, addMs(now, leaseMs))
      return row ? [row] : []
    },
    releaseClaims: (now) => freeWatch(context.db, name, now),
    // What the provider cannot tell now is looked at again; the cursor stays.
    handle: async (row) => {
      try {
        await act(row)
      } catch (error) {
        const now = context.clock.now()
        const problem = describeError(error).slice(0, 300)
        const since = await storeFailure(context.db, row, { problem, now, dueAt: addMs(now, againMs) })
        context.log.warn({ rail: name, since, error }, 'a watching rail could not look')
      }
    },
  }
}

async function look(context: Context, rail: Watcher, row: WatchRow): Promise<void> {
  const now = context.clock.now()
  // What was watched when the last look ended came in time for this one, however long nobody looked.
  const since = row.caughtUpAt !== null && row.caughtUpAt < now ? row.caughtUpAt : now
  const open = (await listWatched(context.db, rail.name, since, MOST_WATCHED)).map(asWatched)
  const watched = tooMany(context, rail.name, MOST_WATCHED, open)
  const { facts, cursor, more, following } = await rail.watch.look(row.cursor ?? undefined, watched)
  const idle = watched.length === 0 && !following
  const dueAt = more ? now : addMs(now, idle ? IDLE_MS : rail.watch.everyMs)
  await store(context, rail, row, facts, { cursor, dueAt, caughtUpAt: more ? row.caughtUpAt : now })
}

/** Once a day all addresses that there ever were: what came to an old one since the last time is found, and followed from then on. */
async function sweep(context: Context, rail: Watcher, row: WatchRow): Promise<void> {
  const now = context.clock.now()
  const all = await listEver(context, rail.name)
  const looked = await rail.watch.look(row.cursor ?? undefined, all)
  const watched = await listWatched(context.db, rail.name, now, MOST_WATCHED)
  const known = new Set(watched.map(({ attemptId }) => attemptId))
  // The others are told of by the look that remembers what it said.
  const facts = looked.facts.filter(({ about }) => 'attemptId' in about && !known.has(about.attemptId))
  const { cursor, more } = looked
  const dueAt = more ? now : addMs(now, SWEEP_EVERY_MS)
  await store(context, rail, row, facts, { cursor, dueAt, caughtUpAt: more ? row.caughtUpAt : now })
}

/** The facts and the cursor, all or nothing. Where that cannot be, all payments but those that are the reason, and the cursor stays. */
async function store(
  context: Context,
  rail: Watcher,
  row: WatchRow,
  facts: readonly Fact[],
  next: Parameters<typeof storeLook>[2],
): Promise<void> {
  const about = await attemptsOf(context, rail, facts)
  try {
    await applyAll(context, about, async (tx) => {
      // Thrown, so that nothing of it is stored: whoever claimed it since learns the same.
      if (!(await storeLook(tx, row, next))) throw new LostClaim()
    })
  } catch (error) {
    if (error instanceof LostClaim) {
      context.log.warn({ rail: row.rail }, 'a look took so long that another has taken its place')
      return
    }
    const failed = await applyEach(context, about)
    // Nothing could be stored: it is rather we who cannot. Else the others go on, and the day's comparison finds what is left of them.
    if (failed.length === about.length) throw error
    await applyAll(context, [], async (tx) => void (await storeLook(tx, row, next)))
  }
}

class LostClaim extends Error {}

async function applyAll(context: Context, about: readonly About[], end: (tx: Tx) => Promise<void>): Promise<void> {
  await transactMoney(context, async (tx, contended) => {
    await lockIntents(tx, [...new Set(about.map(({ attempt }) => attempt.intentId))])
    const transfers: Transfer[] = []
    for (const { fact, attempt } of about)
      await applyOutcome(tx, context, { attempt, outcome: fact.outcome, from: 'event' }, { contended, transfers })
    for (let from = 0; from < transfers.length; from += MOST_TRANSFERS)
      await context.ledger.post(tx, transfers.slice(from, from + MOST_TRANSFERS))
    await end(tx)
  })
}

/** One payment that cannot be handled must not keep the money of the others: told again, they are known. */
async function applyEach(context: Context, about: readonly About[]): Promise<readonly About[]> {
  const failed: About[] = []
  for (const [paymentId, of] of Map.groupBy(about, ({ attempt }) => attempt.intentId)) {
    await applyAll(context, of, async () => undefined).catch((error: unknown) => {
      context.log.error({ paymentId, error }, 'what was seen for a payment cannot be stored')
      failed.push(...of)
    })
  }
  return failed
}

const asWatched = (row: Awaited<ReturnType<typeof listWatched>>[number]): Watched => ({
  attemptId: row.attemptId,
  reference: row.reference,
  amount: money(row.asset, row.amount),
})

/** All attempts that were ever given an address of this rail. */
export const listEver = async (context: Context, rail: string): Promise<Watched[]> =>
  tooMany(context, rail, MOST_EVER, (await listEverWatched(context.db, rail, MOST_EVER)).map(asWatched))

function tooMany(context: Context, rail: string, most: number, watched: Watched[]): Watched[] {
  if (watched.length === most) context.log.error({ rail, most }, 'there are more addresses than are looked at')
  return watched
}

interface About {
  readonly fact: Fact
  readonly attempt: AttemptRow
}

/** Their order stays: of one receipt several things may be told. */
async function attemptsOf(context: Context, rail: Rail, facts: readonly Fact[]): Promise<About[]> {
  const known = new Map<string, AttemptRow | undefined>()
  const found: About[] = []
  for (const fact of facts) {
    const id = 'attemptId' in fact.about ? fact.about.attemptId : ''
    if (!known.has(id)) known.set(id, await findAttempt(context.db, id))
    const attempt = known.get(id)
    if (attempt?.rail === rail.name) found.push({ fact, attempt })
    else context.securityEvent('fact-of-no-attempt', { rail: rail.name, attemptId: id })
  }
  return found
}
