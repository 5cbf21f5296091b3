import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { connectionsTo, isSocketUnavailable, queryVersion, type PostgresConnection } from './connection.ts'
import { codeOf, noBinaries } from './failures.ts'
import { type Folder, openSocketFolder, type Passwords, removeSocketFolder } from './folder.ts'
import { isLockedStatus, LOCKED_OUTPUT } from './folderlock.ts'
import { ENVIRONMENT } from './initdb.ts'
import { openLog } from './logfile.ts'
import { findRunning, removeStaleLock, type RunningServer } from './pidfile.ts'
import { findProcessStart } from '../../base/processes.ts'
import { waitForExit } from './process.ts'
import { settingArguments } from './settings.ts'

/** A server that accepts connections with Purser's passwords. */
export interface ReachableServer {
  running: RunningServer
  owner: PostgresConnection
  app: PostgresConnection
  version: string
}

/** Maximum duration of a start. WAL replay after a kill takes seconds, or minutes on a slow disk. */
const READY_LIMIT_MS = 300_000
/** Maximum time without a socket. A server whose socket file was deleted never recreates it. */
const SOCKET_LIMIT_MS = 2_000
const FAST_SHUTDOWN_LIMIT_MS = 10_000

/** A launched server. `findOutput` returns its output once it has ended. */
export interface Launched {
  pid: number
  findOutput(): string | undefined
}

/**
 * Starts the server in a separate process group. Ctrl-C in the terminal must not reach it, or it would stop before Purser has drained.
 * The server survives a kill of Purser, and the next start connects to it. `lock` is the command prefix that locks the folder first.
 */
export async function launch(
  binaries: Binaries,
  account: Account,
  folder: Folder,
  settings: Record<string, string>,
  lock: readonly string[],
): Promise<Launched> {
  const socketDir = openSocketFolder(folder, account)
  for (const path of [join(folder.data, 'postmaster.pid'), join(socketDir, '.s.PGSQL.5432.lock')])
    removeStaleLock(folder, path)
  const log = openLog(folder, account)
  const logOffset = fstatSync(log).size
  const args = [
    ...lock,
    ...account.prefix,
    binaries.postgres,
    '-D',
    folder.data,
    '-k',
    socketDir,
    ...settingArguments(settings),
  ]
  const child = spawn(args[0] ?? binaries.postgres, args.slice(1), {
    cwd: '/',
    env: ENVIRONMENT,
    detached: true,
    stdio: ['ignore', log, log],
  })
  closeSync(log)
  await waitForSpawn(child)
  child.unref()
  return {
    pid: child.pid ?? 0,
    findOutput: () => {
      if (child.exitCode === null && child.signalCode === null) return undefined
      return isLockedStatus(child.exitCode) ? LOCKED_OUTPUT : readFrom(folder.log, logOffset)
    },
  }
}

function waitForSpawn(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => reject(noBinaries(error.message, error)))
  })
}

/**
 * Waits until the server of the folder accepts a connection. Returns undefined when the server (or the launched one) has ended, or when
 * it reports ready but its socket is missing.
 */
export async function connectToServer(
  folder: Folder,
  passwords: Passwords,
  launched?: Launched,
  log?: (line: string) => void,
): Promise<ReachableServer | undefined> {
  const startedAtMs = monotonicMs()
  let unavailableSinceMs: number | undefined
  let logAfterMs = 10_000
  for (let waitedMs = 0; waitedMs < READY_LIMIT_MS; waitedMs = monotonicMs() - startedAtMs) {
    const running = findRunning(folder)
    if (launched ? launched.findOutput() !== undefined : !running) return undefined
    if (running?.ready && (!launched || launched.pid === running.pid)) {
      const connections = connectionsTo(running, passwords)
      try {
        return { running, ...connections, version: await queryVersion(connections.owner) }
      } catch (error) {
        if (codeOf(error) === '28P01') throw wrongPassword(folder, error)
        // A busy server responds late but still has its socket: keep waiting for it.
        unavailableSinceMs = isSocketUnavailable(error) ? (unavailableSinceMs ?? monotonicMs()) : undefined
        if (unavailableSinceMs !== undefined && monotonicMs() - unavailableSinceMs > SOCKET_LIMIT_MS) return undefined
      }
    }
    if (waitedMs > logAfterMs) {
      log?.(`PostgreSQL is still starting after ${logAfterMs / 1000} s (see ${folder.log})`)
      logAfterMs += 10_000
    }
    await waitMs(10)
  }
  throw new AppError(
    'platform.postgres-start-failed',
    500,
    `PostgreSQL was not ready after ${READY_LIMIT_MS / 1000} s. See ${folder.log}.`,
  )
}

const wrongPassword = ({ passwords }: Folder, cause: unknown): AppError =>
  new AppError(
    'platform.postgres-wrong-password',
    500,
    `PostgreSQL does not accept the password in ${passwords.owner}. Restore the right file. Or stop the server and remove the file: the next start sets a new password.`,
    { cause },
  )

/** Stops the server by fast shutdown, after 10 s by immediate shutdown (the next start replays the WAL). Resolves after its exit. */
export async function stopServer(folder: Folder, { pid, start, socketDir }: RunningServer): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (findProcessStart(pid) !== start) break
    sendSignal(pid, signal)
    if (await waitForExit(pid, start, FAST_SHUTDOWN_LIMIT_MS)) break
  }
  if (findProcessStart(pid) === start) {
    throw new AppError(
      'platform.postgres-stop-failed',
      500,
      `PostgreSQL (process ${pid}) does not stop. See ${folder.log}.`,
    )
  }
  removeSocketFolder(folder, socketDir)
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // ESRCH: the process has already ended.
    if (codeOf(error) !== 'ESRCH') throw error
  }
}

function readFrom(path: string, offset: number): string {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(64 * 1024)
    return bytes.toString('utf8', 0, readSync(file, bytes, 0, bytes.length, offset))
  } finally {
    closeSync(file)
  }
}
