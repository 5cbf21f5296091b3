import { addMs, monotonicMs, type Clock } from '../../base/clock.ts'
import { withDeadline } from '../../base/deadline.ts'
import { sql, type Db } from '../../database/db.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
import { CRONS, type Claims } from './claims.ts'
import type { Cron } from './contract.ts'
import { createLoop } from './loop.ts'
import { createTracker, endsWithin } from './tracker.ts'

export interface Crons {
  start(): void
  /** Runs the due crons one after the other. Returns the number of runs. */
  runDue(): Promise<number>
  drain(deadlineMs: number): Promise<void>
}

interface Deps {
  db: Db
  clock: Clock
  log: Log
  metrics: Metrics
  crons: readonly Cron[]
  claims: Claims
  /** Called before each claim. */
  requireHeartbeat(): Promise<void>
}

const TICK_MS = 1_000
const RUN_LIMIT_MS = 10 * 60_000
const FINISH_LIMIT_MS = 45_000

export function createCrons({ db, clock, log, metrics, crons, claims, requireHeartbeat }: Deps): Crons {
  const runs = metrics.counter('purser_crons_total', 'Runs of periodic tasks', ['cron', 'status'])
  const running = new Set<string>()
  const tracker = createTracker()

  const run = async ({ cron, number }: ClaimedCron): Promise<void> => {
    const cronLog = log.child({ cron: cron.name })
    try {
      const { name, limitMs = RUN_LIMIT_MS } = cron
      await withDeadline({ name: `Cron ${name}`, limitMs, signal: tracker.signal }, (signal) =>
        cron.run({ log: cronLog, signal, now: clock.now() }),
      )
      runs.inc({ cron: cron.name, status: 'succeeded' })
    } catch (err) {
      runs.inc({ cron: cron.name, status: 'failed' })
      cronLog.error({ err }, 'cron failed and will run again in the next period')
    }
    const finishing = { name: `Recording the end of cron ${cron.name}`, limitMs: FINISH_LIMIT_MS }
    await withDeadline(finishing, () => finish(db, cron, number, clock.now())).catch((err: unknown) => {
      cronLog.error({ err }, 'the end of a cron run could not be recorded')
      claims.giveBack(CRONS, { name: cron.name, claim: number }, 0)
    })
    running.delete(cron.name)
  }

  /** Yields each due cron right after its claim, so that a claim that hangs or fails does not hold up the runs claimed before it. */
  async function* claimDue(): AsyncGenerator<ClaimedCron, void> {
    const candidates = crons.filter(({ name }) => !running.has(name))
    await requireHeartbeat()
    const started = await readStarts(db, candidates)
    for (const cron of candidates) {
      const last = started.get(cron.name)
      if (running.has(cron.name) || (last && last > addMs(clock.now(), -cron.everyMs))) continue
      const number = await claim(db, cron, claims.holder, clock.now())
      if (number === undefined) continue
      running.add(cron.name)
      yield { cron, number }
    }
  }

  const loop = createLoop({
    name: 'crons',
    everyMs: Math.min(TICK_MS, ...crons.map(({ everyMs }) => everyMs)),
    log,
    step: async () => {
      for await (const cron of claimDue()) tracker.track(run(cron))
      return false
    },
  })

  return {
    start: () => {
      if (crons.length > 0) loop.start()
    },
    runDue: async () => {
      if (crons.length === 0) return 0
      let count = 0
      for await (const cron of claimDue()) {
        await run(cron)
        count += 1
      }
      return count
    },
    drain: async (deadlineMs) => {
      await endsWithin(deadlineMs - monotonicMs(), loop.stop())
      await tracker.drain(deadlineMs)
    },
  }
}

async function readStarts(db: Db, crons: readonly Cron[]): Promise<ReadonlyMap<string, Date>> {
  const names = crons.map(({ name }) => name)
  const rows = await db.many<{ name: string; started_at: Date }>(
    sql`select name, started_at from platform.crons where name = any(${names})`,
  )
  return new Map(rows.map((row) => [row.name, row.started_at]))
}

interface ClaimedCron {
  readonly cron: Cron
  /** Number of the claim. */
  readonly number: bigint
}

/** Claims a run when the period has passed and no other instance holds the last one. Returns the number of the claim. */
async function claim(db: Db, { name, everyMs }: Cron, holder: string, now: Date): Promise<bigint | undefined> {
  const claimed = await db.maybe<{
    claim: bigint
  }>(sql`insert into platform.crons as c (name, started_at, claimed_by, claim)
    values (${name}, ${now}, ${holder}, 1)
    on conflict (name) do update set started_at = excluded.started_at, claimed_by = excluded.claimed_by, claim = c.claim + 1
    where c.started_at <= ${addMs(now, -everyMs)} and (c.claimed_by is null or c.claimed_by = excluded.claimed_by)
    returning claim`)
  return claimed?.claim
}

/** Releases the run, unless another instance claimed it meanwhile. */
const finish = (db: Db, { name }: Cron, number: bigint, now: Date): Promise<number> =>
  db.run(
    sql`update platform.crons set claimed_by = null, finished_at = ${now} where name = ${name} and claim = ${number}`,
  )
