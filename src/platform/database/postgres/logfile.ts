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
import { type Account, giveTo } from './account.ts'
import type { Folder } from './folder.ts'

const LIMIT_BYTES = 10 * 1024 * 1024
const LOOK_EVERY_MS = 60_000

/** Opens the server's log (0600) for appending. Above 10 MB it begins anew, and the last 10 MB of before are kept once, as `.1`. */
export function openLog(folder: Folder, account: Account): number {
  const { log } = folder
  if (existsSync(log)) rotateLog(folder)
  // No link is followed: root writes here, in a folder that may belong to another user.
  const file = openSync(log, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  fchmodSync(file, 0o600)
  giveTo(account, log)
  return file
}

/**
 * The same while the server runs, for a server that complains for months. It writes on through the file that it has open, so that is
 * emptied, not replaced; it appends, so that it goes on at the new end. What it writes in between is lost.
 */
export function watchLog(folder: Folder, say: (line: string) => void, everyMs = LOOK_EVERY_MS): () => void {
  const look = (): void => {
    try {
      rotateLog(folder)
    } catch (error) {
      say(`${folder.log} cannot be kept small: ${describeError(error)}`)
    }
  }
  const timer = setInterval(look, everyMs)
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
    // Under a name that nobody can have put a link at.
    const draft = `${log}.${randomBytes(6).toString('hex')}`
    writeFileSync(draft, last.subarray(0, length), { flag: 'wx', mode: 0o600 })
    renameSync(draft, `${log}.1`)
    ftruncateSync(file)
  } finally {
    closeSync(file)
  }
}
