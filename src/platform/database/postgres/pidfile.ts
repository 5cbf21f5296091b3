import { linkSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { codeOf } from './failures.ts'
import type { Folder } from './folder.ts'
import { findProcessStart, isPostgresOf, isSignalable } from './process.ts'

/** A server that runs on a data folder. */
export interface Running {
  pid: number
  /** Tells the process from a later one with the same id. */
  start: string
  socketDir: string
  /** Accepts connections, as far as it says. */
  ready: boolean
  stopping: boolean
}

/**
 * The server of this data folder, if one runs. Its postmaster.pid holds: process id, data folder, start time, port, socket folder,
 * listen address, shared memory key, status; the last lines are added while it starts. The file of a killed server stays behind, and
 * its process id may belong to any program by now.
 */
export function findRunning({ data }: Folder): Running | undefined {
  const lines = readLines(join(data, 'postmaster.pid'))
  const pid = Number(lines[0])
  if (!Number.isInteger(pid) || pid <= 1) return undefined
  const start = findProcessStart(pid)
  if (start === undefined || !isPostgresOf(pid, data)) return undefined
  const status = lines[7] ?? ''
  return { pid, start, socketDir: lines[4] ?? '', ready: status === 'ready', stopping: status === 'stopping' }
}

/**
 * postgres believes in a left-over lock file as long as some process has its id. Removes one whose process is another program.
 * Between our look and the removal another start may have put its own file there: then it is put back at once.
 */
export function removeStaleLock(folder: Folder, path: string): void {
  const pid = stalePid(folder, path)
  if (pid === undefined) return
  const aside = `${path}.${randomBytes(6).toString('hex')}`
  try {
    renameSync(path, aside)
    if (stalePid(folder, aside) === undefined) linkSync(aside, path)
  } catch (error) {
    // Another start was faster and removed it, or has its own there by now.
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
