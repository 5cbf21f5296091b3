import { InvalidArgumentError, type Command } from 'commander'
import type { ConfigSpec, Raw } from '../../environment/config.ts'
import type { CliContext, OpenCli } from '../module.ts'
import { Secret } from '../../base/secrets.ts'
import { openSettings, type Settings } from './open.ts'

const MAX_VALUE_LENGTH = 32

export interface SettingCommandDeps {
  specs: () => Promise<readonly ConfigSpec[]>
  /** Returns the settings of the environment. Called inside an action, so that --help works with a bad configuration. */
  given: () => Promise<Raw>
  /** Reads a value that is not an argument, so that a secret stays out of the shell's history. */
  readInput: () => Promise<string>
}

/** Adds `npx purser setting list|set|clear|history`. */
export function addSettingCommands(group: Command, open: OpenCli, deps: SettingCommandDeps): void {
  const start = async (): Promise<{ context: CliContext; settings: Settings }> => {
    const context = await open()
    return {
      context,
      settings: await openSettings({ ...context, specs: await deps.specs(), given: await deps.given() }),
    }
  }
  listCommands(group, start)
  group
    .command('set')
    .description('set a setting on all running instances, effective within about two seconds')
    .argument('<name>', 'such as MPESA_PASSKEY')
    .argument('[value]', 'read from standard input when omitted (recommended for secrets)')
    .action(async (name: string, value: string | undefined) => {
      const { context, settings } = await start()
      const secret = new Secret((value ?? (await deps.readInput())).trim())
      await context.db.transaction((tx) => settings.set(tx, name, secret, context.actor))
      context.print(`Set ${name}.`)
    })
  group
    .command('clear')
    .description('reset a setting to its default')
    .argument('<name>', 'such as MPESA_PASSKEY')
    .action(async (name: string) => {
      const { context, settings } = await start()
      await context.db.transaction((tx) => settings.clear(tx, name, context.actor))
      context.print(`Cleared ${name}.`)
    })
}

type Start = () => Promise<{ context: CliContext; settings: Settings }>

function listCommands(group: Command, start: Start): void {
  group
    .command('list')
    .description('list the settings with their effective values and sources')
    .option('--limit <n>', 'rows at most', parseLimit, 500)
    .option('--json', 'as JSON')
    .action(async ({ limit, json }: { limit: number; json?: boolean }) => {
      const { context, settings } = await start()
      const rows = settings.list().slice(0, limit)
      if (json) return context.print(JSON.stringify(rows, null, 2))
      context.print(
        rows.map((row) => ({
          name: row.name,
          value: shortenValue(row.value ?? row.default),
          source: row.value === undefined && row.default === '' ? 'not set' : row.source,
          doc: row.doc,
        })),
      )
    })
  group
    .command('history')
    .description('list the changes with their authors, newest first, without values')
    .argument('[name]', 'show only this setting')
    .option('--limit <n>', 'rows at most', parseLimit, 50)
    .option('--json', 'as JSON')
    .action(async (name: string | undefined, { limit, json }: { limit: number; json?: boolean }) => {
      const { context, settings } = await start()
      const found = await settings.history(context.db, { limit, ...(name !== undefined && { name }) })
      const rows = found.map(({ version, setAt, actor, ...row }) => ({
        version: String(version),
        ...row,
        at: setAt.toISOString(),
        actor: `${actor.type}:${actor.id}`,
      }))
      context.print(json ? JSON.stringify(rows, null, 2) : rows)
    })
}

/** Shortens a value for the table. `--json` prints the full value. */
const shortenValue = (value: string): string =>
  value.length > MAX_VALUE_LENGTH ? `${value.slice(0, MAX_VALUE_LENGTH - 1)}…` : value

function parseLimit(text: string): number {
  const limit = /^\d{1,3}$/.test(text) ? Number.parseInt(text, 10) : 0
  if (limit < 1 || limit > 500) throw new InvalidArgumentError('The limit must be a number from 1 to 500.')
  return limit
}
