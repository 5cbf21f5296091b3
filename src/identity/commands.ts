import type { Command } from 'commander'
import type { OpenCli } from '#platform/module'
import { auditCommands } from './commands/audit.ts'
import { keyCommands } from './commands/keys.ts'
import { merchantCommands } from './commands/merchants.ts'
import { operatorCommands } from './commands/operators.ts'
import { storeCommands } from './commands/stores.ts'

/** `purser merchant …`, `store …`, `key …`, `operator …`, `audit …`. */
export function identityCommands(program: Command, open: OpenCli): void {
  merchantCommands(program, open)
  storeCommands(program, open)
  keyCommands(program, open)
  operatorCommands(program, open)
  auditCommands(program, open)
}
