import type { Command } from 'commander'
import { declareCommand } from '#platform/lazy'
import type { OpenCli } from '#platform/module'
import type { Payments } from './face.ts'

/** `purser payments …` and `purser reconcile …`. */
export function paymentsCommands(program: Command, open: OpenCli, openPayments: () => Promise<Payments>): void {
  declareCommand(program, {
    name: 'reconcile',
    description: 'our books beside those of the providers, day by day',
    load: async (group) => (await import('./reconciliation/commands.ts')).reconcileCommands(group, open, openPayments),
  })
  declareCommand(program, {
    name: 'payments',
    description: 'refunds, transfers by hand, and events of providers that wait for a person',
    load: async (group) => {
      const { refundCommands } = await import('./refunds/commands.ts')
      const { transferCommands } = await import('./own/commands.ts')
      const { parkedCommands } = await import('./commands/parked.ts')
      refundCommands(group, open, openPayments)
      transferCommands(group, open, openPayments)
      parkedCommands(group, open)
    },
  })
}
