import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { OpenCli } from '#platform/runtime/module'
import type { Payments } from './types.ts'

/** Declares `npx purser payments …`. The inbox adds its commands for parked events to the same group. */
export function paymentsCommands(program: Command, open: OpenCli, openPayments: () => Promise<Payments>): void {
  declareCommand(program, {
    name: 'payments',
    description: 'manage refunds, manual transfers, and provider events that wait for an operator',
    load: async (group) => {
      const { refundCommands } = await import('./refunds/commands.ts')
      const { transferCommands } = await import('./methods/commands.ts')
      const { watchCommands } = await import('./attempts/commands.ts')
      refundCommands(group, open, openPayments)
      transferCommands(group, open, openPayments)
      watchCommands(group, open)
    },
  })
}
