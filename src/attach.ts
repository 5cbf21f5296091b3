import { statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { createIdentity } from '#identity'
import { systemClock } from '#platform/base/clock'
import type { PlatformCli } from '#platform/process/cli'
import { attachDatabase, checkDatabase } from '#platform/process/startup'
import { openDb } from '#platform/database/db'
import { createIds } from '#platform/base/ids'
import { createLog } from '#platform/observe/log'
import { applicationName } from '#platform/database/postgres'
import { formatTable } from '#platform/base/table'
import { packageVersion } from '#platform/base/version'
import { createApp, schemasOf, type App } from './app.ts'
import { loadAppConfig } from './foundation.ts'

/** Width of a table where the output is not a terminal. */
const COLUMNS = 120

/** What one command of `purser` works with. Disposing of it closes everything that was opened. */
export interface Attachment extends AsyncDisposable {
  /** Attaches to the running program's database, or starts the embedded one for the length of the command. A second call returns the same. */
  open(): Promise<PlatformCli>
  /** All modules, wired but not running. */
  openApp(): Promise<App>
}

/** Opens nothing yet. */
export function createAttachment(): Attachment {
  const closing = new AsyncDisposableStack()
  let opened: Promise<PlatformCli> | undefined
  const open = (): Promise<PlatformCli> => (opened ??= openContext(closing))
  return {
    open,
    openApp: async () => {
      const { database, masterKey, log } = await open()
      const app = await createApp({ loaded: loadAppConfig(), database, masterKey, log, version: packageVersion })
      closing.defer(() => app.stop())
      return app
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

async function openContext(closing: AsyncDisposableStack): Promise<PlatformCli> {
  const loaded = loadAppConfig()
  const config = loaded.config.platform
  dropToOwner(config.dataDir)
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
  const base = { db, actor, clock, ids: createIds(clock), mode: config.mode, masterKey, log, database, print, note }
  const { audit } = createIdentity(base)
  return { ...base, record: (tx, entry) => audit.record(tx, { actor, ...entry }) }
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
  const text = typeof what === 'string' ? what : formatTable(what, process.stdout.columns ?? COLUMNS)
  process.stdout.write(`${text}\n`)
}

const note = (line: string): void => void process.stderr.write(`${line}\n`)
