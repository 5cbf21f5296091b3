import type { Command } from 'commander'
import { declareCommand } from '#platform/runtime/lazy-command'
import type { OpenCli } from '#platform/runtime/module'

/** Declares `npx purser rates …`. */
export function ratesCommands(program: Command, open: OpenCli): void {
  declareCommand(program, {
    name: 'rates',
    description: 'prices of currencies',
    load: async (group) => (await import('./commands/rates.ts')).addRatesCommands(group, open),
  })
}
