import { statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { Command, CommanderError } from 'commander'
import { systemClock } from '#platform/clock'
import { platformCommands, type PlatformCli } from '#platform/commands'
import { attachDatabase, checkDatabase } from '#platform/database'
import { openDb } from '#platform/db'
import { AppError } from '#platform/errors'
import { createIds } from '#platform/ids'
import { createLog } from '#platform/log'
import { applicationName } from '#platform/postgres'
import { packageVersion } from '#platform/version'
import { configSpecs, createApp, loadAppConfig, schemasOf } from './app.ts'
import { moduleCommands, recordAs } from './commands.ts'

const closing = new AsyncDisposableStack()
let opened: Promise<PlatformCli> | undefined

const program = new Command('purser')
  .description('A money desk: takes payments, keeps one ledger. Commands work with the running program, or without it.')
  .version(packageVersion)
  .showHelpAfterError('(purser --help lists the commands)')
  .exitOverride()

program
  .command('start')
  .description('run the program: web, worker and, in the sandbox, the simulated providers')
  .action(async () => (await import('./main.ts')).main())
platformCommands(program, { specs: configSpecs, load: loadAppConfig, open, openModules })
moduleCommands(program, open, openApp)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) process.stderr.write(`${explain(error)}\n`)
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1
} finally {
  await closing.disposeAsync()
}

/** The message alone where it says what to do; the stack where the fault is ours. */
function explain(error: unknown): string {
  if (error instanceof AppError && error.code !== 'internal') return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/** Attaches to the running program's database, or starts the embedded one for the length of the command. A second call gives the same. */
function open(): Promise<PlatformCli> {
  return (opened ??= openOnce())
}

async function openOnce(): Promise<PlatformCli> {
  const loaded = loadAppConfig()
  const config = loaded.config.platform
  dropToOwner(config.dataDir)
  const note = (line: string): void => void process.stderr.write(`${line}\n`)
  const database = await attachDatabase(config, { log: note })
  closing.defer(() => database.close())
  const clock = systemClock
  const masterKey = await checkDatabase(database, { schemas: await schemasOf(config.mode), config, clock })
  const log = createLog({ level: 'error', console: false, dir: config.logDir, version: packageVersion })
  closing.defer(() => log.close())
  // A check of large books takes minutes; whoever waits for it can end it.
  const db = openDb({
    connection: database.app,
    max: 2,
    applicationName: applicationName('cli'),
    statementTimeoutMs: 0,
  })
  closing.defer(() => db.close())
  const actor = { type: 'cli', id: userName() } as const
  const base = { db, actor, clock, ids: createIds(clock), mode: config.mode, masterKey, log, database, print }
  return { ...base, record: recordAs(actor, base) }
}

/** All modules, wired but not running. */
async function openApp() {
  const { database, masterKey, log } = await open()
  const app = await createApp({ loaded: loadAppConfig(), database, masterKey, log, version: packageVersion })
  closing.defer(() => app.stop())
  return app
}

async function openModules() {
  const { db, print: show } = await open()
  return { db, modules: (await openApp()).modules, print: show }
}

/** Root works as the user whose data it is, so that nothing in the folder becomes root's. */
function dropToOwner(dataDir: string): void {
  const owner = statSync(dataDir, { throwIfNoEntry: false })
  if (process.getuid?.() !== 0 || !owner || owner.uid === 0) return
  process.setgroups?.([owner.gid])
  process.setgid?.(owner.gid)
  process.setuid?.(owner.uid)
}

/** Containers are run with ids that no line of /etc/passwd has. */
function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${String(process.getuid?.())}`
  }
}

function print(what: string | readonly Readonly<Record<string, unknown>>[]): void {
  if (typeof what === 'string') return void process.stdout.write(`${what}\n`)
  const [first] = what
  if (!first) return void process.stdout.write('None.\n')
  const names = Object.keys(first)
  const cells = [names, ...what.map((row) => names.map((name) => shown(row[name])))]
  const widths = names.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  for (const row of cells)
    process.stdout.write(
      `${row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    )
}

// Functions, since they are called while this module still runs.
function shown(value: unknown): string {
  return typeof value === 'string' ? value : value === null || value === undefined ? '' : JSON.stringify(value, plain)
}

/** JSON has no bigint. */
function plain(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value
}
