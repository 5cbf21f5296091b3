import { AppError } from '#platform/errors'
import type { Tx } from '#platform/db'
import { addDays, dateOf } from '#platform/clock'
import type { Core } from '../core.ts'
import { pageOfCases, resolveCase, type Reconciliation } from './cases.ts'
import { creditCase } from './credit.ts'
import { hasProvider } from './day.ts'
import { askRun } from './store.ts'

/** What a person does about differences between our books and the providers'. */
export const createReconciliation = (core: Core): Reconciliation => ({
  ask: (tx, run) => ask(core, tx, run),
  listCases: pageOfCases,
  resolve: (tx, by, audit) => resolveCase(tx, by, core.clock.now(), audit),
  credit: (by, audit) => creditCase(core, by, audit),
})

async function ask(
  { clock, rails, timeZone }: Core,
  tx: Tx,
  { rail, day: asked }: { rail: string; day: string | undefined },
): Promise<{ day: string }> {
  const names = rails.filter(hasProvider).map(({ name }) => name)
  if (!names.includes(rail))
    throw new AppError(
      'validation-failed',
      422,
      `"${rail}" has no provider to compare with: choose ${names.join(', ')}.`,
    )
  const now = clock.now()
  const today = dateOf(now, timeZone)
  const day = asked ?? addDays(today, -1)
  if (day >= today) throw new AppError('validation-failed', 422, `${day} is not over: in ${timeZone} it is ${today}.`)
  await askRun(tx, rail, day, now)
  return { day }
}
