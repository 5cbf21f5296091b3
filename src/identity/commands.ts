import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { OpenCli } from '#platform/runtime/module'

/** Declares `npx purser merchant`, `store`, `key`, `operator` and `audit`. */
export function identityCommands(program: Command, open: OpenCli): void {
  declareCommand(program, {
    name: 'merchant',
    description: 'manage merchants',
    load: async (group) => (await import('./commands/merchants.ts')).merchantCommands(group, open),
  })
  declareCommand(program, {
    name: 'store',
    description: 'manage stores, the shops of a merchant',
    load: async (group) => (await import('./commands/stores.ts')).storeCommands(group, open),
  })
  declareCommand(program, {
    name: 'key',
    description: 'manage the API keys of merchants',
    load: async (group) => (await import('./commands/keys.ts')).keyCommands(group, open),
  })
  declareCommand(program, {
    name: 'operator',
    description: 'manage operators',
    load: async (group) => (await import('./commands/operators.ts')).operatorCommands(group, open),
  })
  declareCommand(program, {
    name: 'audit',
    description: 'show the audit log',
    load: async (group) => (await import('./commands/audit.ts')).auditCommands(group, open),
  })
}
