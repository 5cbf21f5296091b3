import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { OpenCli } from '#platform/runtime/module'
import type { Reconciliation } from './types.ts'

/** Declares `purser reconcile …`. */
export function reconcileCommands(
  program: Command,
  open: OpenCli,
  openReconciliation: () => Promise<Reconciliation>,
): void {
  declareCommand(program, {
    name: 'reconcile',
    description: 'compare our books with the providers’ lists, day by day',
    load: async (group) =>
      (await import('./commands/reconcile.ts')).addReconcileCommands(group, open, openReconciliation),
  })
}
