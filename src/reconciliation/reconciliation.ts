import { addDays, dateOf } from '#platform/base/clock'
import type { Tx } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { Schema } from '#platform/database/migrate'
import { reconcileCommands } from './commands.ts'
import { reconcileQueue } from './compare.ts'
import type { Context, ReconciliationDeps } from './context.ts'
import { creditCase } from './credit.ts'
import { planReconciliations } from './plan.ts'
import { requestRun } from './store.ts'
import type { Reconciliation } from './types.ts'

export const reconciliationSchema: Schema = {
  name: 'reconciliation',
  folder: new URL('./migrations/', import.meta.url),
}

/** Creates the daily comparison of our books with each provider's list. */
export function createReconciliation(deps: ReconciliationDeps): Reconciliation {
  const context: Context = {
    ...deps,
    timeZone: deps.timeZone ?? 'UTC',
    log: deps.log.child({ module: 'reconciliation' }),
  }
  const { cases, clock } = context
  const reconciliation: Reconciliation = {
    name: 'reconciliation',
    schema: reconciliationSchema,
    queues: [reconcileQueue(context)],
    crons: [planReconciliations(context)],
    commands: (program, open) => reconcileCommands(program, open, async () => reconciliation),
    request: (tx, run) => request(context, tx, run),
    listCases: cases.list,
    resolve: async (tx, { action, ...by }, audit) => {
      if (action === 'close') return cases.close(tx, by, audit)
      const one = await cases.annotate(tx, by, audit)
      await requestRun(tx, one.rail, one.day, clock.now())
      return one
    },
    credit: (by, audit) => creditCase(context, by, audit),
  }
  return reconciliation
}

async function request(
  { clock, rails, timeZone }: Context,
  tx: Tx,
  { rail, day: asked }: { rail: string; day: string | undefined },
): Promise<{ day: string }> {
  const names = rails.map(({ name }) => name)
  if (!names.includes(rail))
    throw new AppError(
      'validation-failed',
      422,
      `"${rail}" has no provider to compare with. Choose ${names.join(', ')}.`,
    )
  const now = clock.now()
  const today = dateOf(now, timeZone)
  const day = asked ?? addDays(today, -1)
  if (day >= today)
    throw new AppError(
      'validation-failed',
      422,
      `${day} has not ended: in ${timeZone} it is ${today}. Choose an earlier day.`,
    )
  await requestRun(tx, rail, day, now)
  return { day }
}
