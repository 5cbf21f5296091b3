import type { Command } from 'commander'
import { extendCommand } from '#platform/runtime/lazy-command'
import type { OpenCli } from '#platform/runtime/module'

/** Adds the commands for parked events to `purser payments`. */
export function inboxCommands(program: Command, open: OpenCli): void {
  extendCommand(program, {
    name: 'payments',
    description: 'provider events that wait for an operator',
    load: async (group) => (await import('./parked.ts')).parkedCommands(group, open),
  })
}
