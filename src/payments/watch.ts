import type { Transfer } from '#ledger'
import { money } from '#money'
import { addMs } from '#platform/clock'
import { describeError } from '#platform/errors'
import type { DueQueue } from '#platform/jobs'
import { listEverWatched, listWatched } from './address-store.ts'
import { findAttempt, type AttemptRow } from './attempt-store.ts'
import { securityEvent, transactMoney, type Core } from './core.ts'
import { lockIntents } from './intent-store.ts'
import { apply } from './outcomes.ts'
import type { Fact, Rail, Watch, Watched } from './rail.ts'
import { claimWatch, freeWatch, openWatch, storeFailure, storeLook, wakeWatch, type WatchRow } from './watch-store.ts'

/** A look that takes longer may be done again by another process; only one of them is stored. */
const LEASE_MS = 180_000
/** While nothing is watched or followed, the cursor is kept near the tip so often. */
const IDLE_MS = 5 * 60_000
const SWEEP_MS = 24 * 60 * 60_000
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
export function createWatching(core: Core): Watching {
  const closing = new AbortController()
  const listening = new Map<string, Promise<void>>()
  const wake = async (rail: string): Promise<void> => {
    if (closing.signal.aborted) return
    await wakeWatch(core.db, rail, core.clock.now())
    core.jobs().wake(queueOf(rail))
  }
  const listen = ({ name, watch }: Watcher): void => {
    if (!watch.listen || listening.has(name) || closing.signal.aborted) return
    const failed = (error: unknown): void => core.log.warn({ rail: name, error }, 'a rail’s news cannot be followed')
    const woken = (): void => void wake(name).catch(failed)
    listening.set(name, watch.listen(woken, closing.signal).catch(failed))
  }
  return {
    queues: core.rails.filter(canWatch).map((rail) => watchQueue(core, rail, listen)),
    wake,
    close: async () => {
      closing.abort()
      await Promise.all(listening.values())
    },
  }
}

const queueOf = (rail: string): string => `payments.watch-${rail}`

function watchQueue(core: Core, rail: Watcher, listen: (rail: Watcher) => void): DueQueue<WatchRow> {
  let opened = false
  return {
    name: queueOf(rail.name),
    concurrency: 1,
    batch: 1,
    idleMs: 500,
    claim: async (_, now) => {
      if (rail.unavailable() !== undefined) return []
      if (!opened) await openWatch(core.db, rail.name, now)
      opened = true
      const row = await claimWatch(core.db, rail.name, now, addMs(now, LEASE_MS))
      return row ? [row] : []
    },
    adopt: (now) => freeWatch(core.db, rail.name, now),
    handle: async (row) => {
      listen(rail)
      await lookOrWait(core, rail, row)
    },
  }
}

/** What the provider cannot tell now is looked at again; the cursor stays. */
async function lookOrWait(core: Core, rail: Watcher, row: WatchRow): Promise<void> {
  try {
    await look(core, rail, row)
  } catch (error) {
    const now = core.clock.now()
    const problem = describeError(error).slice(0, 300)
    const since = await storeFailure(core.db, row, { problem, now, dueAt: addMs(now, rail.watch.everyMs) })
    core.log.warn({ rail: rail.name, since, error }, 'a watching rail could not look')
  }
}

async function look(core: Core, rail: Watcher, row: WatchRow): Promise<void> {
  const now = core.clock.now()
  const watched = (await listWatched(core.db, rail.name, now, MOST_WATCHED)).map(asWatched)
  if (watched.length === MOST_WATCHED)
    core.log.error({ rail: rail.name, most: MOST_WATCHED }, 'more addresses are open than are watched at each look')
  const looked = await rail.watch.look(row.cursor ?? undefined, watched)
  const isSweep = row.sweptAt === null || now.getTime() - row.sweptAt.getTime() >= SWEEP_MS
  const swept = isSweep ? await sweep(core, rail, new Set(watched.map(({ attemptId }) => attemptId))) : []
  const idle = watched.length === 0 && !looked.following
  const dueAt = looked.more ? now : addMs(now, idle ? IDLE_MS : rail.watch.everyMs)
  const { cursor } = looked
  const about = await attemptsOf(core, rail, [...looked.facts, ...swept])
  await transactMoney(core, async (tx, contended) => {
    await lockIntents(tx, [...new Set(about.map(({ attempt }) => attempt.intentId))])
    const transfers: Transfer[] = []
    for (const { fact, attempt } of about)
      await apply(tx, core, { attempt, outcome: fact.outcome, from: 'event' }, { contended, transfers })
    for (let from = 0; from < transfers.length; from += MOST_TRANSFERS)
      await core.ledger.post(tx, transfers.slice(from, from + MOST_TRANSFERS))
    // Thrown, so that nothing of it is stored: whoever claimed it since learns the same.
    if (!(await storeLook(tx, row, { cursor, sweptAt: isSweep ? now : row.sweptAt, dueAt }))) throw new LostClaim()
  }).catch((error: unknown) => {
    if (!(error instanceof LostClaim)) throw error
    core.log.warn({ rail: rail.name }, 'a look took so long that another has taken its place')
  })
}

class LostClaim extends Error {}

const asWatched = (row: Awaited<ReturnType<typeof listWatched>>[number]): Watched => ({
  attemptId: row.attemptId,
  reference: row.reference,
  amount: money(row.asset, row.amount),
})

/** All attempts that were ever given an address of this rail. */
export const listEver = async (core: Core, rail: string): Promise<Watched[]> =>
  (await listEverWatched(core.db, rail, MOST_EVER)).map(asWatched)

/** Once a day all addresses that there ever were: what came to an old one in this day is found, and followed from then on. */
async function sweep(core: Core, { name, watch }: Watcher, watched: ReadonlySet<string>): Promise<readonly Fact[]> {
  const all = await listEver(core, name)
  if (all.every(({ attemptId }) => watched.has(attemptId))) return []
  const facts: Fact[] = []
  let cursor: string | undefined
  for (let more = true; more;) {
    const looked = await watch.look(cursor, all)
    facts.push(...looked.facts)
    ;({ cursor, more } = looked)
  }
  // The others are told of by the look that remembers what it said.
  return facts.filter(({ about }) => 'attemptId' in about && !watched.has(about.attemptId))
}

interface About {
  readonly fact: Fact
  readonly attempt: AttemptRow
}

/** Their order stays: of one receipt several things may be told. */
async function attemptsOf(core: Core, rail: Rail, facts: readonly Fact[]): Promise<About[]> {
  const known = new Map<string, AttemptRow | undefined>()
  const found: About[] = []
  for (const fact of facts) {
    const id = 'attemptId' in fact.about ? fact.about.attemptId : ''
    if (!known.has(id)) known.set(id, await findAttempt(core.db, id))
    const attempt = known.get(id)
    if (attempt?.rail === rail.name) found.push({ fact, attempt })
    else securityEvent(core, 'fact-of-no-attempt', { rail: rail.name, attemptId: id })
  }
  return found
}
