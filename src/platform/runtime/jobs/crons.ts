import { addMs, monotonicMs, type Clock } from '../../base/clock.ts'
import { withDeadline } from '../../base/deadline.ts'
import { sql, type Db } from '../../database/db.ts'
import type { Log } from '../../observe/log.ts'
import type { Metrics } from '../../observe/metrics.ts'
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
  instanceId: string
}

const TICK_MS = 1_000
const RUN_LIMIT_MS = 10 * 60_000
const FINISH_LIMIT_MS = 45_000

export function createCrons({ db, clock, log, metrics, crons, instanceId }: Deps): Crons {
  const runs = metrics.counter('purser_crons_total', 'Runs of periodic tasks', ['cron', 'status'])
  const running = new Set<string>()
  const tracker = createTracker()

  const run = async (cron: Cron): Promise<void> => {
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
    await withDeadline(finishing, () => finish(db, cron, instanceId, clock.now())).catch((err: unknown) => {
      // The row still names this instance, which can claim the cron again.
      cronLog.error({ err }, 'the end of a cron run could not be recorded')
    })
    running.delete(cron.name)
  }

  /** Yields each due cron right after its claim, so that a claim that hangs or fails does not hold up the runs claimed before it. */
  async function* claimDue(): AsyncGenerator<Cron, void> {
    const candidates = crons.filter(({ name }) => !running.has(name))
    const started = await readStarts(db, candidates)
    for (const cron of candidates) {
      const last = started.get(cron.name)
      if (running.has(cron.name) || (last && last > addMs(clock.now(), -cron.everyMs))) continue
      if (!(await claim(db, cron, instanceId, clock.now()))) continue
      running.add(cron.name)
      yield cron
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

/** Claims a run. Returns true when the period has passed and the last runner has finished, is this instance, or is dead. */
async function claim(db: Db, { name, everyMs }: Cron, instanceId: string, now: Date): Promise<boolean> {
  const claimed = await db.run(sql`insert into platform.crons as c (name, started_at, running_by)
    values (${name}, ${now}, ${instanceId})
    on conflict (name) do update set started_at = excluded.started_at, running_by = excluded.running_by
    where c.started_at <= ${addMs(now, -everyMs)} and (c.running_by is null or c.running_by = excluded.running_by
      or not exists (select from platform.instances i where i.id = c.running_by))`)
  return claimed === 1
}

const finish = (db: Db, { name }: Cron, instanceId: string, now: Date): Promise<number> =>
  db.run(sql`update platform.crons set running_by = null, finished_at = ${now}
    where name = ${name} and running_by = ${instanceId}`)
