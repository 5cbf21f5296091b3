import { spawnSync } from 'node:child_process'
import { existsSync, lchownSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { AppError } from '../../base/errors.ts'
import { badFolder } from './failures.ts'

/** Operating system account of the PostgreSQL programs. PostgreSQL refuses to run as root. */
export interface Account {
  /** Command prefix that switches the account. Empty when PostgreSQL runs as the user of Purser. */
  prefix: readonly string[]
  /** Owner of the data folder and its contents, when it is not the user of Purser. */
  owner?: { uid: number; gid: number }
  /** Message for the operator, logged at the start. */
  note?: string
}

/** Candidate paths of system tools. Paths are absolute, because the programs get a reduced environment. */
export interface Tools {
  unshare: readonly string[]
  setpriv: readonly string[]
}
export const TOOLS: Tools = {
  unshare: ['/usr/bin/unshare', '/bin/unshare'],
  setpriv: ['/usr/bin/setpriv', '/bin/setpriv'],
}

/** User and group id of "nobody". Given as a number, because its name and group differ between systems. */
const NOBODY = 65534

/**
 * Chooses the account of the PostgreSQL programs. An ordinary user runs them as itself, or in a user namespace (case 2) when it has no
 * name, because initdb requires one. Root uses the first possible case:
 * 1. An ordinary user owns the data: the server runs as that user.
 * 2. The system allows user namespaces: root is mapped to nobody inside one. Root keeps all files, also below /root.
 * 3. Otherwise (most containers): the server runs as nobody with the capability dac_override, to traverse folders such as /root. The data
 *    therefore never move to a place that may be lost with the container.
 */
export function chooseAccount(data: string, tools: Tools = TOOLS): Account {
  const dataOwner = findOwner(data)
  const isRoot = process.getuid?.() === 0
  if (!isRoot && (dataOwner || hasName())) return { prefix: [] }
  if (!dataOwner || dataOwner.uid === 0) {
    const prefix = findPrefix(tools.unshare, ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`])
    if (prefix) return { prefix }
  }
  if (!isRoot) {
    throw new AppError(
      'platform.postgres-nameless-user',
      500,
      `PostgreSQL cannot create its data folder as user ${String(process.getuid?.())}, because this user has no line in /etc/passwd. Add one, start Purser as another user, or set DATABASE_URL.`,
    )
  }
  const owner = dataOwner && dataOwner.uid !== 0 ? dataOwner : { uid: NOBODY, gid: NOBODY }
  const prefix = findPrefix(tools.setpriv, [
    `--reuid=${owner.uid}`,
    `--regid=${owner.gid}`,
    '--clear-groups',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
    // Without it access(2), which PostgreSQL uses to find its own files, ignores the capability.
    '--securebits=+no_setuid_fixup',
  ])
  if (!prefix) {
    throw new AppError(
      'platform.postgres-root',
      500,
      'PostgreSQL does not run as root, and this system allows neither unshare nor setpriv. Start Purser as an ordinary user, or set DATABASE_URL.',
    )
  }
  const why = owner.uid === dataOwner?.uid ? 'this user owns its data' : 'this system refuses user namespaces'
  return { prefix, owner, note: `PostgreSQL runs as user ${owner.uid}, because ${why}` }
}

/** Throws `platform.postgres-bad-folder` when another user owns the data. PostgreSQL itself refuses such a folder. Root passes. */
export function requireOwnData(data: string): void {
  const uid = process.getuid?.()
  const owner = findOwner(data)
  if (!owner || uid === 0 || owner.uid === uid) return
  throw badFolder(
    `${data} belongs to user ${owner.uid}, not to ${String(uid)}. Run Purser as that user, or set DATA_DIR to another folder.`,
  )
}

/** Returns whether the current user has a name. Containers often run with a user id that /etc/passwd does not list. */
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

/** Returns the command prefix when this system has the tool and allows its use. */
function findPrefix(places: readonly string[], args: readonly string[]): readonly string[] | undefined {
  const path = places.find((place) => existsSync(place))
  if (!path) return undefined
  const trial = spawnSync(path, [...args, 'true'], { stdio: 'ignore', timeout: 5_000 })
  return trial.status === 0 ? [path, ...args] : undefined
}

/** Makes the account the owner of a file, or of a folder and its contents. Does not follow links. */
export function changeOwner(account: Account, path: string): void {
  if (!account.owner) return
  const { uid, gid } = account.owner
  const info = lstatSync(path)
  if (info.uid !== uid || info.gid !== gid) lchownSync(path, uid, gid)
  if (info.isDirectory()) for (const name of readdirSync(path)) changeOwner(account, join(path, name))
}
