import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { OpenCli } from '#platform/runtime/module'

/** `purser merchant …`, `store …`, `key …`, `operator …`, `audit …`. */
export function identityCommands(program: Command, open: OpenCli): void {
  declareCommand(program, {
    name: 'merchant',
    description: 'who sells through us',
    load: async (group) => (await import('./commands/merchants.ts')).merchantCommands(group, open),
  })
  declareCommand(program, {
    name: 'store',
    description: 'shops of a merchant with a face of their own',
    load: async (group) => (await import('./commands/stores.ts')).storeCommands(group, open),
  })
  declareCommand(program, {
    name: 'key',
    description: 'API keys of merchants',
    load: async (group) => (await import('./commands/keys.ts')).keyCommands(group, open),
  })
  declareCommand(program, {
    name: 'operator',
    description: 'who runs the program',
    load: async (group) => (await import('./commands/operators.ts')).operatorCommands(group, open),
  })
  declareCommand(program, {
    name: 'audit',
    description: 'what was done, by whom',
    load: async (group) => (await import('./commands/audit.ts')).auditCommands(group, open),
  })
}
