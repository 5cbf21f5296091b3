import { chmodSync, existsSync, realpathSync, statSync } from 'node:fs'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { type Account, chooseAccount, giveTo, requireOwnData, TOOLS, type Tools } from './account.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { type PostgresConnection, connectionsTo } from './connection.ts'
import { explainFolder, explainOutput, heldElsewhere, isBusy } from './failures.ts'
import { HELD, isHeld, lockCommand } from './folderlock.ts'
import { findFolder, findPasswords, type Folder, openFolder } from './folder.ts'
import { ensureCluster } from './initdb.ts'
import { watchLog } from './logfile.ts'
import { findRunning } from './pidfile.ts'
import { launch, type Reached, reach, stopServer } from './server.ts'

export interface EmbeddedPostgres {
  /** Superuser, for migrations and `purser db`. */
  readonly owner: PostgresConnection
  /** The role of the running program (`purser_app`): may log in and nothing else; migrations grant to it. */
  readonly app: PostgresConnection
  readonly pid: number
  /** It ran before: the program that started it was killed, or is another one. */
  readonly adopted: boolean
  readonly startedMs: number
  readonly version: string
  /** Fast shutdown; resolves when the process is gone. May be called again. */
  stop(): Promise<void>
}

export interface StartOptions {
  dataDir: string
  log?: (line: string) => void
  /** PostgreSQL settings beside or instead of ours. */
  settings?: Record<string, string>
  /** How often the size of the server's log is looked at: a minute unless told. */
  logLookMs?: number
}

/** After its postmaster was killed, what is left of a server needs some seconds to go; starts until then fail. */
const BUSY_LIMIT_MS = 10_000

export async function start(
  { dataDir, log, settings = {}, logLookMs }: StartOptions,
  tools: Tools = TOOLS,
): Promise<EmbeddedPostgres> {
  const began = monotonicMs()
  const binaries = findBinaries()
  const folder = openFolder(dataDir)
  const give = (reached: Reached, adopted: boolean): EmbeddedPostgres => {
    let stopping: Promise<void> | undefined
    const unwatch = watchLog(folder, log ?? (() => undefined), logLookMs)
    return {
      owner: reached.owner,
      app: reached.app,
      pid: reached.running.pid,
      version: reached.version,
      adopted,
      startedMs: Math.round(monotonicMs() - began),
      stop: () => (stopping ??= stopServer(folder, reached.running).finally(unwatch)),
    }
  }
  try {
    for (;;) {
      requireOwnData(folder.data)
      const adopted = await adopt(folder, log)
      if (adopted) return give(adopted, true)
      const account = chooseAccount(folder.data, tools)
      const attempt = await startOnce(binaries, account, folder, settings, log)
      if (typeof attempt !== 'string') {
        if (account.note) log?.(account.note)
        return give(attempt, false)
      }
      if (!isBusy(attempt) || monotonicMs() - began > BUSY_LIMIT_MS) {
        throw attempt === HELD ? heldElsewhere(folder.data) : explainOutput(attempt, folder.log)
      }
      await waitMs(100)
    }
  } catch (error) {
    throw explainFolder(error, folder.root)
  }
}

/** The server that runs on this folder. One that is stopping is waited for; one that cannot be reached is stopped. */
async function adopt(folder: Folder, log?: (line: string) => void): Promise<Reached | undefined> {
  const running = findRunning(folder)
  if (!running) return undefined
  const passwords = findPasswords(folder)
  if (!passwords) {
    throw new AppError(
      'platform.postgres-wrong-password',
      500,
      `A PostgreSQL (process ${running.pid}) runs on ${folder.data} and its password files are gone: stop it with \`kill -INT ${running.pid}\` and start again`,
    )
  }
  const reached = running.stopping ? undefined : await reach(folder, passwords, undefined, log)
  if (reached) return reached
  const left = findRunning(folder)
  if (left) {
    if (!left.stopping)
      log?.(`PostgreSQL (process ${left.pid}) runs and cannot be reached: it is stopped and started again`)
    await stopServer(folder, left)
  }
  return undefined
}

/** What the server wrote, when it did not start. */
async function startOnce(
  binaries: Binaries,
  account: Account,
  folder: Folder,
  settings: Record<string, string>,
  log?: (line: string) => void,
): Promise<Reached | string> {
  const lock = lockCommand(folder, account)
  if (isHeld(lock)) return HELD
  if (existsSync(folder.data)) {
    // A copy made without care for modes: PostgreSQL refuses a folder that others can read.
    chmodSync(folder.data, 0o700)
    // Made by root where user namespaces are allowed, used where they are not.
    giveTo(account, realpathSync(folder.data))
  }
  const made = await ensureCluster(binaries, account, folder)
  const passwords = findPasswords(folder)
  if (!made || !passwords) return 'lock file "postmaster.pid" already exists'
  const launched = await launch(binaries, account, folder, settings, lock)
  return (await reach(folder, passwords, launched, log)) ?? launched.findOutput() ?? 'its socket is gone'
}

/** Whether a database was ever made in this data folder. */
export function hasCluster(dataDir: string): boolean {
  try {
    const folder = findFolder(dataDir)
    return folder !== undefined && statSync(folder.data, { throwIfNoEntry: false }) !== undefined
  } catch (error) {
    throw explainFolder(error, dataDir)
  }
}

/** A running server of this data folder that accepts connections. Starts and changes nothing. */
export function find(dataDir: string): Pick<EmbeddedPostgres, 'owner' | 'app' | 'pid'> | undefined {
  try {
    const folder = findFolder(dataDir)
    const running = folder && findRunning(folder)
    const passwords = folder && findPasswords(folder)
    return running?.ready && passwords ? { ...connectionsTo(running, passwords), pid: running.pid } : undefined
  } catch (error) {
    throw explainFolder(error, dataDir)
  }
}
