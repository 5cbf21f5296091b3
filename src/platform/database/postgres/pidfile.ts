import { linkSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { codeOf } from './failures.ts'
import type { Folder } from './folder.ts'
import { findProcessStart } from '../../base/processes.ts'
import { isPostgresOf, isSignalable } from './process.ts'

/** A running server of a data folder. */
export interface RunningServer {
  pid: number
  /** Start time. Distinguishes the process from a later one with the same id. */
  start: string
  socketDir: string
  /** The server's status file says that it accepts connections. */
  ready: boolean
  stopping: boolean
}

/**
 * Returns the running server of this data folder. Undefined when none runs. Its postmaster.pid holds: process id, data folder, start time,
 * port, socket folder, listen address, shared memory key, status; the last lines are added during the start. A killed server leaves
 * its file, and its process id may belong to another program later.
 */
export function findRunning({ data }: Folder): RunningServer | undefined {
  const lines = readLines(join(data, 'postmaster.pid'))
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 1) return undefined
  const start = findProcessStart(pid)
  if (start === undefined || !isPostgresOf(pid, data)) return undefined
  const status = lines[7] ?? ''
  return { pid, start, socketDir: lines[4] ?? '', ready: status === 'ready', stopping: status === 'stopping' }
}

/**
 * Removes a lock file whose process id belongs to another program. PostgreSQL trusts such a file as long as any process has the id.
 * Another start may write its own file between check and removal; that file is restored at once.
 */
export function removeStaleLock(folder: Folder, path: string): void {
  const pid = stalePid(folder, path)
  if (pid === undefined) return
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  try {
    renameSync(path, aside)
    if (stalePid(folder, aside) === undefined) linkSync(aside, path)
  } catch (error) {
    // Another start removed the file first, or already wrote its own.
    if (!['ENOENT', 'EEXIST'].includes(codeOf(error))) throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function stalePid({ data }: Folder, path: string): number | undefined {
  const pid = Math.abs(Number(readLines(path)[0]))
  return pid > 1 && isSignalable(pid) && !isPostgresOf(pid, data) ? pid : undefined
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .map((line) => line.trim())
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return []
    throw error
  }
}
