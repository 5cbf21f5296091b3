import type { Command } from 'commander'
import type { CommandDeps } from '../cli.ts'
import { renderEnvExample } from '../../environment/config.ts'
import { jsonText } from '../../base/table.ts'

/** Adds `npx purser config check|show|example`. */
export function addConfigCommands(group: Command, { specs, load }: Pick<CommandDeps, 'specs' | 'load'>): void {
  group
    .command('check')
    .description('validate all settings and report problems')
    .action(async () => {
      const { warnings } = await load()
      process.stdout.write([...warnings, 'The configuration is valid.', ''].join('\n'))
    })
  group
    .command('show')
    .description('print the effective configuration without secrets')
    .action(async () => void process.stdout.write(`${jsonText((await load()).config, 2)}\n`))
  group
    .command('example')
    .description('print all settings as an .env file')
    .action(async () => void process.stdout.write(renderEnvExample(await specs())))
}
