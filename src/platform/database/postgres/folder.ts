import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Account, changeOwner } from './account.ts'
import { badFolder, codeOf, explainFolder } from './failures.ts'

/** Paths of the embedded server inside DATA_DIR. */
export interface Folder {
  root: string
  /** PGDATA. */
  data: string
  /** Standard error of the server. */
  log: string
  passwords: { owner: string; app: string }
}

export interface Passwords {
  owner: string
  app: string
}

/** Maximum length of a socket path. A unix socket address has 108 bytes on Linux and 104 on macOS, with a trailing zero. */
const SOCKET_PATH_BYTES = 103
const SOCKET_NAME = '/.s.PGSQL.5432'

/** Creates the data folder if needed (mode 0700). Throws `platform.postgres-bad-folder` or `-disk-full` when it cannot be used. */
export function openFolder(dataDir: string): Folder {
  try {
    createFolder(resolve(dataDir))
    return resolvePaths(realpathSync(dataDir))
  } catch (error) {
    // The system returns ENOENT for a new folder below /proc.
    if (codeOf(error) === 'ENOENT') {
      throw badFolder(`${resolve(dataDir)} cannot be created. Set DATA_DIR to another folder.`, error)
    }
    throw explainFolder(error, resolve(dataDir))
  }
}

/** Creates a folder and its parents one by one. Node's recursive mkdir never returns for a path below /proc. */
function createFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  if (!existsSync(dirname(path))) createFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

/** Returns the paths of the data folder. Undefined when it does not exist. */
export const findFolder = (dataDir: string): Folder | undefined =>
  existsSync(dataDir) ? resolvePaths(realpathSync(dataDir)) : undefined

const resolvePaths = (root: string): Folder => ({
  root,
  data: join(root, 'postgres'),
  log: join(root, 'postgres.log'),
  passwords: { owner: join(root, 'postgres-owner.password'), app: join(root, 'postgres-app.password') },
})

/** Reads the passwords. Undefined when a password file is missing or empty. */
export function findPasswords({ passwords }: Folder): Passwords | undefined {
  if (!existsSync(passwords.owner) || !existsSync(passwords.app)) return undefined
  const [owner, app] = [readFileSync(passwords.owner, 'utf8').trim(), readFileSync(passwords.app, 'utf8').trim()]
  return owner && app ? { owner, app } : undefined
}

/** Creates the missing password files. Concurrent starts end up with the same passwords. */
export function createPasswords(folder: Folder, account: Account): Passwords {
  for (const path of [folder.passwords.owner, folder.passwords.app]) {
    if (existsSync(path) && statSync(path).size === 0) rmSync(path)
    if (!existsSync(path)) writeSecret(path)
    changeOwner(account, path)
  }
  const passwords = findPasswords(folder)
  if (!passwords) {
    const { owner, app } = folder.passwords
    throw badFolder(`${owner} and ${app} cannot be read. Make them readable for the user of Purser.`)
  }
  return passwords
}

/** Writes and flushes a secret under another name, then links it. A crash must not leave an empty password for a database with data. */
function writeSecret(path: string): void {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeFileSync(file, `${randomBytes(24).toString('base64url')}\n`)
    fsyncSync(file)
    linkSync(draft, path)
  } catch (error) {
    if (!existsSync(path)) throw error
  } finally {
    closeSync(file)
    rmSync(draft)
  }
}

/**
 * Creates the folder of the private socket: in the data folder, or below the temporary folder when that path is too long for a socket.
 * postmaster.pid records the choice. The folder must belong to Purser, be closed to others and be no link. Its name can be guessed, so
 * another owner could impersonate the server.
 */
export function openSocketFolder({ root }: Folder, account: Account, temporary = tmpdir()): string {
  const name = `purser-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`
  const path =
    [join(root, 'socket'), join(temporary, name), join('/tmp', name)].find(isShortEnough) ?? join('/tmp', name)
  createFolder(path)
  const info = lstatSync(path)
  const isOwned = info.uid === process.getuid?.() || info.uid === account.owner?.uid
  if (!info.isDirectory() || !isOwned)
    throw badFolder(`${path} belongs to another user. Remove it, or set DATA_DIR to a shorter path.`)
  if ((info.mode & 0o777) !== 0o700) chmodSync(path, 0o700)
  changeOwner(account, path)
  return path
}

/** Removes a socket folder outside the data folder. Keeps it while it is in use. */
export function removeSocketFolder({ root }: Folder, path: string): void {
  if (path.startsWith(root)) return
  try {
    rmdirSync(path)
  } catch {
    // The folder is not empty, or it does not exist.
  }
}

const isShortEnough = (path: string): boolean => Buffer.byteLength(path + SOCKET_NAME) <= SOCKET_PATH_BYTES
