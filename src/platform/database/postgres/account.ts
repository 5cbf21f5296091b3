import { spawnSync } from 'node:child_process'
import { existsSync, lchownSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { badFolder } from './failures.ts'

/** As whom the PostgreSQL programs run. PostgreSQL refuses to be root. */
export interface Account {
  /** Command and arguments to put before the program's own; empty when it runs as we do. */
  prefix: readonly string[]
  /** Who owns the data folder and all that belongs to it, when that is not us. */
  owner?: { uid: number; gid: number }
  /** What the operator should know. */
  note?: string
}

/** Found by path, because the programs get an environment of their own. */
export interface Tools {
  unshare: readonly string[]
  setpriv: readonly string[]
}
export const TOOLS: Tools = {
  unshare: ['/usr/bin/unshare', '/bin/unshare'],
  setpriv: ['/usr/bin/setpriv', '/bin/setpriv'],
}

/** "nobody", by number: the name and its group differ between systems. */
const NOBODY = 65534

/**
 * As an ordinary user: as that user (in a namespace as below if they have no name, which initdb insists on). As root, the first that is possible:
 * 1. data of an ordinary user stay theirs: the server runs as that user;
 * 2. a user namespace in which root is called nobody: everything stays root's, under /root too;
 * 3. where that is refused (most containers): really as nobody, keeping the one capability to pass folders such as /root, so that
 *    the data never have to move to a place that may be lost with the container.
 */
export function chooseAccount(data: string, tools: Tools = TOOLS): Account {
  const found = findOwner(data)
  const isRoot = process.getuid?.() === 0
  if (!isRoot && (found || hasName())) return { prefix: [] }
  if (!found || found.uid === 0) {
    const prefix = findPrefix(tools.unshare, ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`])
    if (prefix) return { prefix }
  }
  if (!isRoot) {
    throw new AppError(
      'platform.postgres-nameless-user',
      500,
      `PostgreSQL cannot make its data folder as user ${String(process.getuid?.())}, who has no line in /etc/passwd: add one, start Purser as another user, or set DATABASE_URL`,
    )
  }
  const owner = found && found.uid !== 0 ? found : { uid: NOBODY, gid: NOBODY }
  const prefix = findPrefix(tools.setpriv, [
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    // Else access(2), by which PostgreSQL looks for its own files, would leave the capability out.
    '--securebits=+no_setuid_fixup',
  ])
  if (!prefix) {
    throw new AppError(
      'platform.postgres-root',
      500,
      'PostgreSQL does not run as root, and this system lets us neither unshare nor setpriv: start Purser as an ordinary user, or set DATABASE_URL',
    )
  }
  const why = owner.uid === found?.uid ? 'who owns its data' : 'because this system refuses user namespaces'
  return { prefix, owner, note: `PostgreSQL runs as user ${owner.uid}, ${why}` }
}

/** An ordinary user can use only data of their own; PostgreSQL itself insists on it. */
export function requireOwnData(data: string): void {
  const uid = process.getuid?.()
  const owner = findOwner(data)
  if (!owner || uid === 0 || owner.uid === uid) return
  throw badFolder(
    `${data} belongs to user ${owner.uid}, not to ${String(uid)}: run Purser as that user, or set DATA_DIR to another folder`,
  )
}

/** Containers are run with ids that no line of /etc/passwd has. */
function hasName(): boolean {
  try {
    return userInfo().username !== ''
  } catch {
    return false
  }
}

function findOwner(path: string): { uid: number; gid: number } | undefined {
  const found = statSync(path, { throwIfNoEntry: false })
  return found && { uid: found.uid, gid: found.gid }
}

/** The command in front, if this system has it and allows it. */
function findPrefix(places: readonly string[], args: readonly string[]): readonly string[] | undefined {
  const path = places.find((place) => existsSync(place))
  if (!path) return undefined
  const tried = spawnSync(path, [...args, 'true'], { stdio: 'ignore', timeout: 5_000 })
  return tried.status === 0 ? [path, ...args] : undefined
}

/** Gives a file or folder to the account, with everything in it. Links are given, not followed. */
export function giveTo(account: Account, path: string): void {
  if (!account.owner) return
  const { uid, gid } = account.owner
  const info = lstatSync(path)
  if (info.uid !== uid || info.gid !== gid) lchownSync(path, uid, gid)
  if (info.isDirectory()) for (const name of readdirSync(path)) giveTo(account, join(path, name))
}
