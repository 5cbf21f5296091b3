import type { Command } from 'commander'
import type { OpenCli } from '#platform/module'
import { auditCommands } from './commands/audit.ts'
import { keyCommands } from './commands/keys.ts'
import { merchantCommands } from './commands/merchants.ts'
import { operatorCommands } from './commands/operators.ts'

/** `purser merchant …`, `key …`, `operator …`, `audit …`. */
export function identityCommands(program: Command, open: OpenCli): void {
  merchantCommands(program, open)
  keyCommands(program, open)
  operatorCommands(program, open)
  auditCommands(program, open)
}
