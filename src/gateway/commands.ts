import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { OpenCli } from '#platform/runtime/module'
import type { Desk } from './commands/link.ts'

/** Declares `npx purser link …`. */
export function gatewayCommands(program: Command, open: OpenCli, openDesk: () => Promise<Desk>): void {
  declareCommand(program, {
    name: 'link',
    description: 'payment links of a merchant',
    load: async (group) => (await import('./commands/link.ts')).addLinkCommands(group, open, openDesk),
  })
}
