import type { Module, CliContext, CliRecord } from '#platform/runtime/module'
import assert from 'node:assert/strict'
import { Command } from 'commander'
import { addMs } from '#platform/base/clock'
import type { RailStatement, StatementLine } from '#rails/contract'
import { openTestDatabase } from '../../test/database.ts'
import type { Case } from '#cases'
import { schemas, kes, openTrial, type ModulesBelow, type Scripted, type Trial } from '../payments/fixture.ts'
import { createReconciliation, reconciliationSchema } from './reconciliation.ts'
import { listRuns, requestRun } from './store.ts'
import type { Reconciliation } from './types.ts'

/** Test fixture of this module. */

export const DAY = '2026-01-15'
export const NOON = new Date('2026-01-15T12:00:00Z')
export const HOUR_MS = 3_600_000

export interface Books extends AsyncDisposable {
  readonly trial: Trial
  readonly reconciliation: Reconciliation
  /** Pages of the provider's list. */
  pages: StatementLine[][]
  /** Compares the day `DAY` and returns the open cases. */
  compare(): Promise<Case[]>
}

/** Returns a statement line: KES 1,500 at noon. */
export const line = (id: string, more: Partial<StatementLine> = {}): StatementLine => ({
  id,
  receiptId: id,
  gross: kes(150_000n),
  at: NOON,
  ...more,
})

/** Opens payments and reconciliation over a provider with a scripted list. */
export async function openBooks(
  scripted: (trial: Trial) => Scripted = ({ page }) => page,
  { timeZone, reachMs = 31 * 24 * HOUR_MS }: { timeZone?: string; reachMs?: number } = {},
): Promise<Books> {
  const stack = new AsyncDisposableStack()
  const database = stack.use(await openTestDatabase([...schemas, reconciliationSchema]))
  let reconciliation: Reconciliation | undefined
  const zone = { ...(timeZone && { timeZone }) }
  const upperModule = ({ payments: { bookkeeping }, ...below }: ModulesBelow): Module =>
    (reconciliation = createReconciliation({ ...below, ...zone, bookkeeping }))
  const trial = stack.use(await openTrial({ ...database, ...zone, upperModule }))
  assert.ok(reconciliation)
  const { rail } = scripted(trial)
  const books: Books = {
    trial,
    reconciliation,
    pages: [],
    compare: async () => {
      await trial.pass(24 * HOUR_MS)
      await requestRun(trial.db, rail.name, DAY, trial.clock.now())
      await trial.pass()
      const [run] = (await listRuns(trial.db, 10)).filter((one) => one.rail === rail.name && one.day === DAY)
      assert.ok(run?.finishedAt, run?.problem ?? 'the run has not ended')
      return (await trial.cases.list(trial.db, { state: 'open', limit: 100 })).items
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
  const statement: RailStatement = {
    reachMs,
    list: ({ cursor = '0' }) => {
      const index = Number(cursor)
      const more = index + 1 < books.pages.length
      return Promise.resolve({ lines: books.pages[index] ?? [], cursor: more ? String(index + 1) : undefined })
    },
  }
  Object.assign(rail, { statement })
  return books
}

export const PHONE = '254712345678'
/** Returns a statement line that names the payer's phone. */
export const pulled = (id: string, more: Partial<StatementLine> = {}): StatementLine => ({
  id,
  number: id,
  gross: kes(150_000n),
  at: addMs(new Date('2026-01-15T09:00:00Z'), 60_000),
  payerPhone: PHONE,
  ...more,
})

export interface Cli {
  /** Result that `npx purser reconcile …` printed last. */
  run(...words: string[]): Promise<unknown>
  rows(...words: string[]): Promise<Record<string, unknown>[]>
  /** Audit entries: action and target. */
  readonly recorded: string[]
}

export function openCli({ reconciliation, trial: { db, clock } }: Books): Cli {
  const printed: unknown[] = []
  const recorded: string[] = []
  const record = (_: unknown, { action, target }: CliRecord): void => void recorded.push(`${action} ${target}`)
  const context = { db, clock, record, print: (what: unknown) => void printed.push(what) } as unknown as CliContext
  const run = async (...words: string[]): Promise<unknown> => {
    const program = new Command()
    reconciliation.commands?.(program, () => Promise.resolve(context))
    await program.parseAsync(['reconcile', ...words], { from: 'user' })
    return printed.at(-1)
  }
  return { run, recorded, rows: async (...words) => (await run(...words)) as Record<string, unknown>[] }
}
