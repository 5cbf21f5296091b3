import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { type Account, changeOwner } from './account.ts'
import type { Folder } from './folder.ts'

// A kernel lock (flock) on a data folder. The server and its child processes hold it as long as one of them runs. Containers that share
// the folder see it. The process ids in PostgreSQL's own lock files mean nothing across containers: each container counts from 1.
const FLOCK_PATHS = ['/usr/bin/flock', '/bin/flock']
/** Exit status of flock when the lock is taken. PostgreSQL never exits with it. */
const LOCKED_STATUS = 75

/** Output of a start that finds the folder locked. */
export const LOCKED_OUTPUT = 'lock file "postgres.lock" already exists'

/** Returns the command prefix that takes the lock and then executes the server. Empty on systems without flock (macOS). */
export function lockCommand(folder: Folder, account: Account): readonly string[] {
  const flock = FLOCK_PATHS.find((place) => existsSync(place))
  if (flock === undefined) return []
  const path = join(folder.root, 'postgres.lock')
  closeSync(openSync(path, 'a', 0o600))
  changeOwner(account, path)
  return [flock, '--nonblock', '--conflict-exit-code', String(LOCKED_STATUS), '--no-fork', path]
}

/** Returns whether a server anywhere on this host, in any container, has locked the folder. */
export function isLocked(command: readonly string[]): boolean {
  const [flock, ...args] = command
  return (
    flock !== undefined &&
    isLockedStatus(spawnSync(flock, [...args, 'true'], { stdio: 'ignore', timeout: 5_000 }).status)
  )
}

/** Returns whether a command with the prefix ended because the lock was taken. */
export const isLockedStatus = (status: number | null): boolean => status === LOCKED_STATUS
