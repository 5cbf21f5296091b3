import type { Command } from 'commander'
import type { CommandDeps } from './cli.ts'
import { declareCommand } from '../runtime/lazy-command.ts'

/** `purser config`, `setting`, `db` and `check`. */
export function platformCommands(program: Command, { specs, load, open, openModules }: CommandDeps): void {
  declareCommand(program, {
    name: 'config',
    description: 'the settings that the environment and .env give',
    load: async (group) => (await import('./commands/config.ts')).addConfigCommands(group, { specs, load }),
  })
  declareCommand(program, {
    name: 'setting',
    description: 'settings kept in the database; the environment wins over them',
    load: async (group) =>
      (await import('../runtime/settings/commands.ts')).addSettingCommands(group, open, {
        specs,
        given: async () => (await load()).given,
        readInput,
      }),
  })
  declareCommand(program, {
    name: 'db',
    description: 'look into the database (PostgreSQL)',
    load: async (group) => (await import('./commands/database.ts')).databaseCommands(group, open),
  })
  program
    .command('check')
    .description('look through the whole database for what must not be; exits 1 when something is broken')
    .action(async () => (await import('./commands/check.ts')).checkInvariants(await openModules()))
}

/** All of standard input: a secret does not belong into the shell's history. */
async function readInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Value (end with Ctrl-D): ')
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
  return text
}
