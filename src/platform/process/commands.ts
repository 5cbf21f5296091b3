import type { Command } from 'commander'
import type { CommandDeps } from './cli.ts'
import { declareCommand } from '../runtime/lazy-command.ts'

/** Declares the commands `config`, `setting`, `db` and `check`. */
export function platformCommands(program: Command, { specs, load, open, openModules }: CommandDeps): void {
  declareCommand(program, {
    name: 'config',
    description: 'check and show the settings from the environment and .env',
    load: async (group) => (await import('./commands/config.ts')).addConfigCommands(group, { specs, load }),
  })
  declareCommand(program, {
    name: 'setting',
    description: 'change settings in the database at run time; the environment overrides them',
    load: async (group) =>
      (await import('../runtime/settings/commands.ts')).addSettingCommands(group, open, {
        specs,
        given: async () => (await load()).given,
        readInput,
      }),
  })
  declareCommand(program, {
    name: 'db',
    description: 'query the database (PostgreSQL)',
    load: async (group) => (await import('./commands/database.ts')).databaseCommands(group, open),
  })
  program
    .command('check')
    .description('check all invariants of the database; exits with 1 when one is broken')
    .action(async () => (await import('./commands/check.ts')).checkInvariants(await openModules()))
}

/** Reads standard input to its end, so that a secret stays out of the shell's history. */
async function readInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Value (end with Ctrl-D): ')
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
  return text
}
