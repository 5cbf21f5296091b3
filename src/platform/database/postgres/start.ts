import { chmodSync, existsSync, realpathSync, statSync } from 'node:fs'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { findProcessStart } from '../../base/processes.ts'
import { type Account, chooseAccount, changeOwner, requireOwnData, TOOLS, type Tools } from './account.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { type PostgresConnection, connectionsTo } from './connection.ts'
import { explainFolder, explainOutput, isBusy, lockedElsewhere } from './failures.ts'
import { isLocked, lockCommand, LOCKED_OUTPUT } from './folderlock.ts'
import { findFolder, findPasswords, type Folder, openFolder } from './folder.ts'
import { ensureCluster } from './initdb.ts'
import { watchLog } from './logfile.ts'
import { findRunning } from './pidfile.ts'
import { connectToServer, launch, type ReachableServer, stopServer } from './server.ts'

export interface EmbeddedPostgres {
  /** Connection of the superuser, for migrations and `npx purser db`. */
  readonly owner: PostgresConnection
  /** Connection of the running program (`purser_app`). The role may only log in; migrations grant its rights. */
  readonly app: PostgresConnection
  readonly pid: number
  /** True when the server already ran: the program that started it was killed, or is another one. */
  readonly wasRunning: boolean
  readonly startedMs: number
  readonly version: string
  /** Returns whether the process of this server still runs. */
  isRunning(): boolean
  /** Stops the server by fast shutdown and resolves after its exit. Idempotent. */
  stop(): Promise<void>
}

export interface StartOptions {
  dataDir: string
  log?: (line: string) => void
  /** PostgreSQL settings that extend or override the defaults. */
  settings?: Record<string, string>
  /** Interval of the size check of the server's log. Default: one minute. */
  logCheckMs?: number
}

/** Maximum time to retry a busy folder. Child processes of a killed postmaster need some seconds to exit; starts fail until then. */
const BUSY_LIMIT_MS = 10_000

export async function start(
  { dataDir, log, settings = {}, logCheckMs }: StartOptions,
  tools: Tools = TOOLS,
): Promise<EmbeddedPostgres> {
  const startedAtMs = monotonicMs()
  const binaries = findBinaries()
  const folder = openFolder(dataDir)
  const createHandle = (server: ReachableServer, wasRunning: boolean): EmbeddedPostgres => {
    let stopping: Promise<void> | undefined
    const unwatch = watchLog(folder, log ?? (() => undefined), logCheckMs)
    return {
      owner: server.owner,
      app: server.app,
      pid: server.running.pid,
      version: server.version,
      wasRunning,
      startedMs: Math.round(monotonicMs() - startedAtMs),
      isRunning: () => findProcessStart(server.running.pid) === server.running.start,
      stop: () => (stopping ??= stopServer(folder, server.running).finally(unwatch)),
    }
  }
  try {
    for (;;) {
      requireOwnData(folder.data)
      const existing = await connectToExisting(folder, log)
      if (existing) return createHandle(existing, true)
      const account = chooseAccount(folder.data, tools)
      const attempt = await startOnce(binaries, account, folder, settings, log)
      if (typeof attempt !== 'string') {
        if (account.note) log?.(account.note)
        return createHandle(attempt, false)
      }
      if (!isBusy(attempt) || monotonicMs() - startedAtMs > BUSY_LIMIT_MS) {
        throw attempt === LOCKED_OUTPUT ? lockedElsewhere(folder.data) : explainOutput(attempt, folder.log)
      }
      await waitMs(100)
    }
  } catch (error) {
    throw explainFolder(error, folder.root)
  }
}

/** Connects to the server that already runs on this folder. Waits for a stopping server and stops an unreachable one. */
async function connectToExisting(folder: Folder, log?: (line: string) => void): Promise<ReachableServer | undefined> {
  const running = findRunning(folder)
  if (!running) return undefined
  const passwords = findPasswords(folder)
  if (!passwords) {
    throw new AppError(
      'platform.postgres-wrong-password',
      500,
      `A PostgreSQL (process ${running.pid}) runs on ${folder.data}, but its password files are missing. Stop it with \`kill -INT ${running.pid}\` and start again.`,
    )
  }
  const server = running.stopping ? undefined : await connectToServer(folder, passwords, undefined, log)
  if (server) return server
  const remaining = findRunning(folder)
  if (remaining) {
    if (!remaining.stopping)
      log?.(`PostgreSQL (process ${remaining.pid}) runs but cannot be reached. It is stopped and started again.`)
    await stopServer(folder, remaining)
  }
  return undefined
}

/** Starts the server once. Returns the server, or its output when it did not start. */
async function startOnce(
  binaries: Binaries,
  account: Account,
  folder: Folder,
  settings: Record<string, string>,
  log?: (line: string) => void,
): Promise<ReachableServer | string> {
  const lock = lockCommand(folder, account)
  if (isLocked(lock)) return LOCKED_OUTPUT
  if (existsSync(folder.data)) {
    // Restore the mode of a copied folder: PostgreSQL refuses a folder that other users can read.
    chmodSync(folder.data, 0o700)
    // Change the owner of a folder that root created on a system with user namespaces, if this system has none.
    changeOwner(account, realpathSync(folder.data))
  }
  const ensured = await ensureCluster(binaries, account, folder)
  const passwords = findPasswords(folder)
  if (!ensured || !passwords) return 'lock file "postmaster.pid" already exists'
  const launched = await launch(binaries, account, folder, settings, lock)
  return (await connectToServer(folder, passwords, launched, log)) ?? launched.findOutput() ?? 'its socket is missing'
}

/** Returns whether this data folder holds a database cluster. */
export function hasCluster(dataDir: string): boolean {
  try {
    const folder = findFolder(dataDir)
    return folder !== undefined && statSync(folder.data, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    throw explainFolder(error, dataDir)
  }
}

/** Returns the connections of the running server of this data folder. Undefined when none is ready. Starts and changes nothing. */
export function findServer(dataDir: string): Pick<EmbeddedPostgres, 'owner' | 'app' | 'pid'> | undefined {
  try {
    const folder = findFolder(dataDir)
    const running = folder && findRunning(folder)
    const passwords = folder && findPasswords(folder)
    return running?.ready && passwords ? { ...connectionsTo(running, passwords), pid: running.pid } : undefined
  } catch (error) {
    throw explainFolder(error, dataDir)
  }
}
