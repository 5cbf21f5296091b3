import { accessSync, appendFileSync, constants, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createStream, type RotatingFileStream } from 'rotating-file-stream'
import { AppError, describeError } from '../../base/errors.ts'

export interface LogFile {
  write(text: string): void
  drain(): Promise<void>
  close(): Promise<void>
  /** Synchronously writes the lines that may not be in the file yet. Used at the exit of the process, when no other code can run. */
  flushSync(): void
}

const REOPEN_MS = 5_000
/** Maximum characters that wait for a slow or full disk. Above it lines are dropped and counted. */
const MAX_PENDING_CHARS = 8 * 1024 * 1024

/**
 * Opens a log file of at most 10 MB. A full file is renamed to name.1, name.2 …; `keep` of these stay. A later disk error drops lines
 * and never stops the program. Throws `platform.log-unwritable` when the folder is not writable at the start.
 */
export function openLogFile(
  dir: string,
  name: string,
  options: { keep: number; size?: `${number}${'K' | 'M'}` },
  report: (line: string) => void = (line) => void process.stderr.write(line),
): LogFile {
  const path = join(dir, name)
  const pending = new Set<{ text: string }>()
  let pendingChars = 0
  let dropped = 0
  let stream: RotatingFileStream | undefined
  let reopen: NodeJS.Timeout | undefined
  let closed = false

  const open = (): void => {
    reopen = undefined
    const current = createStream(name, { path: dir, size: options.size ?? '10M', rotate: options.keep, mode: 0o640 })
    current.on('error', (error) => fail(current, error))
    current.on('warning', () => {})
    stream = current
  }
  const fail = (broken: RotatingFileStream, error: unknown): void => {
    if (broken !== stream || closed) return
    stream = undefined
    pending.clear()
    pendingChars = 0
    report(`The log file ${path} cannot be written: ${describeError(error)}. Retrying every ${REOPEN_MS / 1000} s.\n`)
    reopen = setTimeout(open, REOPEN_MS)
    reopen.unref()
  }
  requireFolder(dir)
  open()

  return {
    write: (text) => {
      if (!stream || pendingChars > MAX_PENDING_CHARS) {
        dropped += lineCount(text)
        return
      }
      const chunk = { text: dropped === 0 ? text : renderDropped(dropped) + text }
      dropped = 0
      pending.add(chunk)
      pendingChars += chunk.text.length
      stream.write(chunk.text, () => {
        if (pending.delete(chunk)) pendingChars -= chunk.text.length
      })
    },
    drain: () =>
      new Promise((done) => {
        if (stream) stream.write('', () => done())
        else done()
      }),
    close: () => {
      closed = true
      clearTimeout(reopen)
      return new Promise((done) => {
        if (stream) stream.end(() => done())
        else done()
      })
    },
    flushSync: () => {
      const rest = [...pending].map((chunk) => chunk.text).join('')
      pending.clear()
      if (rest === '' || closed) return
      try {
        appendFileSync(path, rest)
      } catch {
        // The disk refuses the lines, and the process ends: drop them.
      }
    },
  }
}

function requireFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o750 })
    accessSync(dir, constants.W_OK)
  } catch (error) {
    throw new AppError(
      'platform.log-unwritable',
      500,
      `The log folder ${dir} is not writable (${describeError(error)}). Set LOG_DIR to a writable folder.`,
    )
  }
}

const lineCount = (text: string): number => text.split('\n').length - 1

const renderDropped = (count: number): string =>
  `${JSON.stringify({ level: 'warn', count, message: 'log lines before this one were dropped because the disk was slow or refused them' })}\n`
