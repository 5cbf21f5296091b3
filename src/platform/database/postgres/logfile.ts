import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import { describeError } from '../../base/errors.ts'
import { type Account, changeOwner } from './account.ts'
import type { Folder } from './folder.ts'

const LIMIT_BYTES = 10 * 1024 * 1024
const CHECK_INTERVAL_MS = 60_000

/** Opens the server's log (mode 0600) for appending. A log above 10 MB is emptied first; its last 10 MB are kept as `.1`. */
export function openLog(folder: Folder, account: Account): number {
  const { log } = folder
  if (existsSync(log)) rotateLog(folder)
  // Do not follow links: root writes here, in a folder that may belong to another user.
  const file = openSync(log, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  fchmodSync(file, 0o600)
  changeOwner(account, log)
  return file
}

/**
 * Rotates the log while the server runs, for servers that log errors for months. The server keeps its file open, so the file is emptied,
 * not replaced; the server appends, so it continues at the new end. Lines written between copy and truncation are lost.
 */
export function watchLog(folder: Folder, log: (line: string) => void, intervalMs = CHECK_INTERVAL_MS): () => void {
  const rotate = (): void => {
    try {
      rotateLog(folder)
    } catch (error) {
      log(`${folder.log} cannot be rotated: ${describeError(error)}`)
    }
  }
  const timer = setInterval(rotate, intervalMs)
  timer.unref()
  return () => clearInterval(timer)
}

function rotateLog({ log }: Folder): void {
  const file = openSync(log, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    const { size } = fstatSync(file)
    if (size <= LIMIT_BYTES) return
    const last = Buffer.alloc(LIMIT_BYTES)
    const length = readSync(file, last, 0, LIMIT_BYTES, size - LIMIT_BYTES)
    // Use a random name, so that no other user can place a link there.
    const draft = `${log}.${randomBytes(6).toString('hex')}`
    writeFileSync(draft, last.subarray(0, length), { flag: 'wx', mode: 0o600 })
    renameSync(draft, `${log}.1`)
    ftruncateSync(file)
  } finally {
    closeSync(file)
  }
}
