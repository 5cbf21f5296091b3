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
import { type Account, giveTo } from './account.ts'
import { badFolder, codeOf, explainFolder } from './failures.ts'

/** Where the parts of an embedded server lie inside the data folder of the program. */
export interface Folder {
  root: string
  /** PGDATA. */
  data: string
  /** What the server writes to its standard error. */
  log: string
  passwords: { owner: string; app: string }
}

export interface Passwords {
  owner: string
  app: string
}

/** The address of a unix socket has 108 bytes on Linux and 104 on macOS, with a zero at its end. */
const SOCKET_PATH_BYTES = 103
const SOCKET_NAME = '/.s.PGSQL.5432'

/** Makes the data folder if needed (0700). Throws one clear line when it cannot be used. */
export function openFolder(dataDir: string): Folder {
  try {
    makeFolder(resolve(dataDir))
    return layOut(realpathSync(dataDir))
  } catch (error) {
    // What /proc says to somebody who wants to make a folder in it.
    if (codeOf(error) === 'ENOENT') throw badFolder(`${resolve(dataDir)} cannot be made: set DATA_DIR elsewhere`, error)
    throw explainFolder(error, resolve(dataDir))
  }
}

/** Step by step: Node's own recursive mkdir never returns for a path below /proc. */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  if (!existsSync(dirname(path))) makeFolder(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}

/** The data folder if it exists. */
export const findFolder = (dataDir: string): Folder | undefined =>
  existsSync(dataDir) ? layOut(realpathSync(dataDir)) : undefined

const layOut = (root: string): Folder => ({
  root,
  data: join(root, 'postgres'),
  log: join(root, 'postgres.log'),
  passwords: { owner: join(root, 'postgres-owner.password'), app: join(root, 'postgres-app.password') },
})

/** The passwords, if both are there. */
export function findPasswords({ passwords }: Folder): Passwords | undefined {
  if (!existsSync(passwords.owner) || !existsSync(passwords.app)) return undefined
  const [owner, app] = [readFileSync(passwords.owner, 'utf8').trim(), readFileSync(passwords.app, 'utf8').trim()]
  return owner && app ? { owner, app } : undefined
}

/** Makes those that are missing. Whoever starts at the same moment gets the same. */
export function makePasswords(folder: Folder, account: Account): Passwords {
  for (const path of [folder.passwords.owner, folder.passwords.app]) {
    if (existsSync(path) && statSync(path).size === 0) rmSync(path)
    if (!existsSync(path)) writeSecret(path)
    giveTo(account, path)
  }
  const made = findPasswords(folder)
  if (!made) throw badFolder(`${folder.passwords.owner} and ${folder.passwords.app} cannot be read`)
  return made
}

/** Written and flushed under another name first: a crash must not leave an empty password to a full database. */
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
 * The folder of the private socket: in the data folder, or, when that path is too long for a socket, one of its own below the
 * temporary folder. postmaster.pid remembers which. It must be ours, closed to others and no link: the name can be guessed, and whoever
 * owned it could pose as our server.
 */
export function openSocketFolder({ root }: Folder, account: Account, temporary = tmpdir()): string {
  const name = `purser-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`
  const path =
    [join(root, 'socket'), join(temporary, name), join('/tmp', name)].find(isShortEnough) ?? join('/tmp', name)
  makeFolder(path)
  const info = lstatSync(path)
  const ours = info.uid === process.getuid?.() || info.uid === account.owner?.uid
  if (!info.isDirectory() || !ours)
    throw badFolder(`${path} belongs to somebody else: remove it, or set DATA_DIR to a shorter path`)
  if ((info.mode & 0o777) !== 0o700) chmodSync(path, 0o700)
  giveTo(account, path)
  return path
}

/** Removes a socket folder that stands outside the data folder; one in use stays. */
export function dropSocketFolder({ root }: Folder, path: string): void {
  if (path.startsWith(root)) return
  try {
    rmdirSync(path)
  } catch {
    // Not empty or gone: nothing to do.
  }
}

const isShortEnough = (path: string): boolean => Buffer.byteLength(path + SOCKET_NAME) <= SOCKET_PATH_BYTES
