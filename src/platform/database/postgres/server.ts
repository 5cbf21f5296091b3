import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { monotonicMs, waitMs } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import type { Account } from './account.ts'
import type { Binaries } from './binaries.ts'
import { askVersion, connectionsTo, isSocketGone, type PostgresConnection } from './connection.ts'
import { codeOf, noBinaries } from './failures.ts'
import { dropSocketFolder, type Folder, openSocketFolder, type Passwords } from './folder.ts'
import { HELD, isHeldStatus } from './folderlock.ts'
import { ENVIRONMENT } from './initdb.ts'
import { openLog } from './logfile.ts'
import { findRunning, removeStaleLock, type Running } from './pidfile.ts'
import { findProcessStart, waitUntilGone } from './process.ts'
import { settingArguments } from './settings.ts'

/** A server that accepts our connections. */
export interface Reached {
  running: Running
  owner: PostgresConnection
  app: PostgresConnection
  version: string
}

/** Replaying the journal of a killed server takes seconds, on a slow disk minutes. */
const READY_LIMIT_MS = 300_000
/** A server that says it is ready and whose socket is gone (somebody cleaned up) never comes back. */
const EXIT_LIMIT_MS = 2_000
const FAST_LIMIT_MS = 10_000

/** A launched server: its process, and what it wrote if it has ended. */
export interface Launched {
  pid: number
  findOutput(): string | undefined
}

/**
 * Starts the server as a process group of its own: Ctrl-C in our terminal must not reach it, or it would stop before our drain has
 * run. It outlives us if we are killed, and is adopted by the next start. `lock` is the command that takes the folder first.
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
  const before = fstatSync(log).size
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
  await spawned(child)
  child.unref()
  return {
    pid: child.pid ?? 0,
    findOutput: () => {
      if (child.exitCode === null && child.signalCode === null) return undefined
      return isHeldStatus(child.exitCode) ? HELD : readFrom(folder.log, before)
    },
  }
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('spawn', resolve)
    child.once('error', (error) => reject(noBinaries(error.message, error)))
  })
}

/**
 * Waits until the server of the folder accepts our connection. Undefined when none runs any more (or the launched one ended), or when
 * it says that it is ready and its socket is gone.
 */
export async function reach(
  folder: Folder,
  passwords: Passwords,
  launched?: Launched,
  log?: (line: string) => void,
): Promise<Reached | undefined> {
  const began = monotonicMs()
  let goneSince: number | undefined
  let sayAfterMs = 10_000
  for (let waitedMs = 0; waitedMs < READY_LIMIT_MS; waitedMs = monotonicMs() - began) {
    const running = findRunning(folder)
    if (launched ? launched.findOutput() !== undefined : !running) return undefined
    if (running?.ready && (!launched || launched.pid === running.pid)) {
      const connections = connectionsTo(running, passwords)
      try {
        return { running, ...connections, version: await askVersion(connections.owner) }
      } catch (error) {
        if (codeOf(error) === '28P01') throw wrongPassword(folder, error)
        // A server that is only busy answers late: that is no reason to give it up.
        goneSince = isSocketGone(error) ? (goneSince ?? monotonicMs()) : undefined
        if (goneSince !== undefined && monotonicMs() - goneSince > EXIT_LIMIT_MS) return undefined
      }
    }
    if (waitedMs > sayAfterMs) {
      log?.(`PostgreSQL is still starting after ${sayAfterMs / 1000} s (see ${folder.log})`)
      sayAfterMs += 10_000
    }
    await waitMs(10)
  }
  throw new AppError(
    'platform.postgres-start-failed',
    500,
    `PostgreSQL was not ready after ${READY_LIMIT_MS / 1000} s: see ${folder.log}`,
  )
}

const wrongPassword = ({ passwords }: Folder, cause: unknown): AppError =>
  new AppError(
    'platform.postgres-wrong-password',
    500,
    `PostgreSQL does not accept the password in ${passwords.owner}: bring back the right file, or stop the server and remove it to have a new one made`,
    { cause },
  )

/** Fast shutdown; immediate (the journal is replayed at the next start) after 10 s. Returns when the process is gone. */
export async function stopServer(folder: Folder, { pid, start, socketDir }: Running): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT'] as const) {
    if (findProcessStart(pid) !== start) break
    signalTo(pid, signal)
    if (await waitUntilGone(pid, start, FAST_LIMIT_MS)) break
  }
  if (findProcessStart(pid) === start) {
    throw new AppError(
      'platform.postgres-stop-failed',
      500,
      `PostgreSQL (process ${pid}) does not stop: see ${folder.log}`,
    )
  }
  dropSocketFolder(folder, socketDir)
}

function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // It ended by itself in between.
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
