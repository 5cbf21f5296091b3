import type { Command } from 'commander'
import { currencyOf, formatAmount, type Money } from '#money'
import { AppError } from '#platform/base/errors'
import type { OpenCli } from '#platform/runtime/module'
import type { Case } from '#cases'
import { CASE_ACTIONS, type CaseAction, type Reconciliation } from '../types.ts'
import { listRuns } from '../store.ts'

const MAX_LISTED = 100

/** Adds `run`, `days`, `cases`, `resolve` and `credit` to `purser reconcile`. */
export function addReconcileCommands(
  reconcile: Command,
  open: OpenCli,
  openReconciliation: () => Promise<Reconciliation>,
): void {
  reconcile
    .command('run')
    .description('request the comparison of a day; the running program does it within a minute')
    .argument('<rail>', 'mpesa, stripe, …')
    .option('--day <yyyy-mm-dd>', 'a past day in BUSINESS_TIME_ZONE; yesterday by default')
    .action(async (rail: string, options: { day?: string }) => {
      const { db, print, record } = await open()
      const reconciliation = await openReconciliation()
      const asked = { rail, day: options.day === undefined ? undefined : requireDay(options.day) }
      const { day } = await db.transaction(async (tx) => {
        const run = await reconciliation.request(tx, asked)
        await record(tx, { action: 'payments.reconciliation-asked', target: `${rail} ${run.day}` })
        return run
      })
      print(`${rail} of ${day} will be compared within a minute. See: npx purser reconcile days`)
    })
  reconcile
    .command('days')
    .description(`list the ${MAX_LISTED} newest comparisons and their results`)
    .action(async () => {
      const { db, print } = await open()
      const runs = await listRuns(db, MAX_LISTED)
      print(runs.length === 0 ? 'No day was compared yet.' : runs.map((run) => ({ ...run })))
    })
  reconcile
    .command('cases')
    .description(`list the ${MAX_LISTED} newest open cases`)
    .option('--all', 'include cases that have ended')
    .action(async ({ all }: { all?: boolean }) => {
      const { db, print } = await open()
      const { items } = await (
        await openReconciliation()
      ).listCases(db, { state: all ? undefined : 'open', limit: MAX_LISTED })
      print(items.length === 0 ? 'No case is open.' : items.map(rowOf))
    })
  caseCommands(reconcile, open, openReconciliation)
}

/** Adds the commands for decisions on a case. */
function caseCommands(reconcile: Command, open: OpenCli, openReconciliation: () => Promise<Reconciliation>): void {
  reconcile
    .command('resolve')
    .description('close a case, or compare its day again')
    .argument('<case>', 'case id, rec_…')
    .requiredOption('--note <text>', 'the finding, for the audit log')
    .option('--action <action>', CASE_ACTIONS.join(' or '), 'close')
    .action(async (id: string, { note, action }: { note: string; action: string }) => {
      const { db, print, record } = await open()
      const reconciliation = await openReconciliation()
      const how = requireAction(action)
      const entry = { action: `payments.case-${how === 'close' ? 'closed' : 'retried'}`, target: id, detail: { note } }
      const { suggested } = await db.transaction((tx) =>
        reconciliation.resolve(tx, { id, action: how, note }, () => record(tx, entry)),
      )
      print(
        how === 'close'
          ? 'The case is closed. Nothing was posted for it.'
          : `The day will be compared again. ${suggested}`,
      )
    })
  reconcile
    .command('credit')
    .description('credit the money of a missing-here case to a payment, once, and end the case')
    .argument('<case>', 'case id, rec_…')
    .requiredOption('--payment <id>', 'payment id, pay_…, in the currency of the money')
    .requiredOption('--note <text>', 'the evidence, for the audit log')
    .action(async (id: string, { payment, note }: { payment: string; note: string }) => {
      const { print, record } = await open()
      const reconciliation = await openReconciliation()
      const detail = { payment, note }
      const credited = await reconciliation.credit({ id, intentId: payment, note }, (tx) =>
        record(tx, { action: 'payments.case-credited', target: id, detail }),
      )
      print([rowOf(credited)])
    })
}

function requireDay(text: string): string {
  const at = new Date(`${text}T00:00:00Z`)
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)) return text
  throw new AppError('validation-failed', 422, `"${text}" is not a day. Use the form 2026-01-15.`)
}

function requireAction(text: string): CaseAction {
  const found = CASE_ACTIONS.find((one) => one === text)
  if (found) return found
  throw new AppError('validation-failed', 422, `--action is ${CASE_ACTIONS.join(' or ')}, not "${text}".`)
}

const show = (amount: Money | undefined): string =>
  amount ? `${currencyOf(amount.asset)} ${formatAmount(amount)}` : ''

const rowOf = (one: Case): Record<string, string> => ({
  case: one.id,
  rail: one.rail,
  day: one.day,
  kind: one.kind,
  subject: one.subject,
  payment: one.intentId ?? '',
  ours: show(one.ours),
  theirs: show(one.theirs),
  state: one.state,
  suggested: one.suggested,
})
