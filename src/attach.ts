import { statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { createIdentity } from '#identity'
import { systemClock } from '#platform/base/clock'
import type { PlatformCli } from '#platform/process/cli'
import { attachDatabase, checkDatabase } from '#platform/process/startup'
import { openDb } from '#platform/database/db'
import { NO_POOLER } from '#platform/database/pooler'
import { createIds } from '#platform/base/ids'
import { createLog } from '#platform/observe/log'
import { applicationName } from '#platform/database/postgres'
import { formatTable } from '#platform/base/table'
import { packageVersion } from '#platform/base/version'
import { createApp, loadSchemas, type App } from './app.ts'
import { loadAppConfig } from './foundation.ts'

/** Table width in characters when the output is not a terminal. */
const COLUMNS = 120

/** Resources of one `npx purser` command. Its disposal closes everything that was opened. */
export interface Attachment extends AsyncDisposable {
  /** Connects to the database of the running program, or runs the embedded one until the command ends. A second call returns the same. */
  open(): Promise<PlatformCli>
  /** Wires all modules without running them. */
  openApp(): Promise<App>
}

/** Creates an attachment. It opens nothing until `open` or `openApp` is called. */
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
  dropRootToOwner(config.dataDir)
  const server = await attachDatabase(config, { log: note })
  closing.defer(() => server.close())
  const clock = systemClock
  const schemas = await loadSchemas(config.mode)
  const { masterKey, database, warnings } = await checkDatabase(server, { schemas, config, clock })
  for (const warning of warnings) note(warning)
  const log = createLog({ level: 'error', console: false, dir: config.logDir, version: packageVersion })
  closing.defer(() => log.close())
  // No statement timeout: a check of a large database takes minutes, and the user can interrupt it. Through a pooler the limits of the role hold.
  const db = openDb({
    connection: database.direct,
    expectedUser: database.user,
    pooler: database.direct === database.app ? database.pooler : NO_POOLER,
    connectTimeoutMs: config.databaseConnectTimeoutMs,
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

/** Drops root to the owner of the data folder, so that no file in it becomes owned by root. */
function dropRootToOwner(dataDir: string): void {
  const owner = statSync(dataDir, { throwIfNoEntry: false })
  if (process.getuid?.() !== 0 || !owner || owner.uid === 0) return
  process.setgroups?.([owner.gid])
  process.setgid?.(owner.gid)
  process.setuid?.(owner.uid)
}

/** Returns the user name. Returns the user id in containers whose /etc/passwd does not list the user. */
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
