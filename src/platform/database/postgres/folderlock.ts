import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { type Account, giveTo } from './account.ts'
import type { Folder } from './folder.ts'

// The kernel's lock on a data folder, held by the server and its processes as long as one of them lives. Two containers that share the
// folder see it, where the process ids in PostgreSQL's own lock files say nothing: each counts its processes from 1.
const PLACES = ['/usr/bin/flock', '/bin/flock']
/** Ours, so that it cannot be taken for PostgreSQL's own. */
const HELD_STATUS = 75

/** What a start says that finds the folder held. */
export const HELD = 'lock file "postgres.lock" already exists'

/** The command to put before the server's own: takes the lock, then becomes the server. Empty where the system has none (macOS). */
export function lockCommand(folder: Folder, account: Account): readonly string[] {
  const flock = PLACES.find((place) => existsSync(place))
  if (flock === undefined) return []
  const path = join(folder.root, 'postgres.lock')
  closeSync(openSync(path, 'a', 0o600))
  giveTo(account, path)
  return [flock, '--nonblock', '--conflict-exit-code', String(HELD_STATUS), '--no-fork', path]
}

/** Whether a server anywhere on this host has the folder. */
export function isHeld(command: readonly string[]): boolean {
  const [flock, ...args] = command
  return (
    flock !== undefined && isHeldStatus(spawnSync(flock, [...args, 'true'], { stdio: 'ignore', timeout: 5_000 }).status)
  )
}

/** Whether a command ended because the lock was taken. */
export const isHeldStatus = (status: number | null): boolean => status === HELD_STATUS
