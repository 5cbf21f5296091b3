import type { Command } from 'commander'
import { checkCommand, type CheckContext } from './commands/check.ts'
import type { PlatformCli } from './commands/context.ts'
import { databaseCommands } from './commands/database.ts'
import { renderEnvExample, type ConfigSpec, type Loaded } from './config.ts'
import { settingCommands } from './settings.ts'

export type { PlatformCli } from './commands/context.ts'

export interface CommandDeps {
  readonly specs: readonly ConfigSpec[]
  readonly load: () => Loaded<readonly ConfigSpec[]>
  readonly open: () => Promise<PlatformCli>
  /** The same with all modules, wired but not running. */
  readonly openModules: () => Promise<CheckContext>
}

/** `purser config`, `setting`, `db` and `check`. */
export function platformCommands(program: Command, { specs, load, open, openModules }: CommandDeps): void {
  const config = program.command('config').description('the settings that the environment and .env give')
  config
    .command('check')
    .description('read them all and say what is wrong')
    .action(() => {
      const { warnings } = load()
      process.stdout.write([...warnings, 'The configuration is valid.', ''].join('\n'))
    })
  config
    .command('show')
    .description('what is in force, secrets left out')
    .action(() => void process.stdout.write(`${JSON.stringify(load().config, null, 2)}\n`))
  config
    .command('example')
    .description('every setting there is, as an .env file')
    .action(() => void process.stdout.write(renderEnvExample(specs)))
  settingCommands(program, open, { specs, given: () => load().given, readInput })
  databaseCommands(program, open)
  checkCommand(program, openModules)
}

/** All of standard input: a secret does not belong into the shell's history. */
async function readInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Value (end with Ctrl-D): ')
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) text += String(chunk)
  return text
}
