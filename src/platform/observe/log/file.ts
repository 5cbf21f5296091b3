import { accessSync, appendFileSync, constants, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createStream, type RotatingFileStream } from 'rotating-file-stream'
import { AppError, describeError } from '../../base/errors.ts'

export interface LogFile {
  write(text: string): void
  drain(): Promise<void>
  close(): Promise<void>
  /** Writes synchronously what is not surely in the file yet: at the exit of the process, when nothing else can run. */
  writeRest(): void
}

const REOPEN_MS = 5_000
/** What waits for a slow or full disk is bounded; beyond it lines are dropped and counted. */
const WAITING_CHARS = 8 * 1024 * 1024

/**
 * A file of at most 10 MB that is renamed to name.1, name.2 … as it fills; `keep` of these stay. A disk that
 * refuses later costs lines, never the program. Throws `platform.log-unwritable` when the folder cannot be written at the start.
 */
export function openLogFile(
  dir: string,
  name: string,
  options: { keep: number; size?: `${number}${'K' | 'M'}` },
  tell: (line: string) => void = (line) => void process.stderr.write(line),
): LogFile {
  const path = join(dir, name)
  const waiting = new Set<{ text: string }>()
  let waitingChars = 0
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
    waiting.clear()
    waitingChars = 0
    tell(`The log file ${path} cannot be written: ${describeError(error)}. Trying again every ${REOPEN_MS / 1000} s.\n`)
    reopen = setTimeout(open, REOPEN_MS)
    reopen.unref()
  }
  requireFolder(dir)
  open()

  return {
    write: (text) => {
      if (!stream || waitingChars > WAITING_CHARS) {
        dropped += lineCount(text)
        return
      }
      const chunk = { text: dropped === 0 ? text : sayDropped(dropped) + text }
      dropped = 0
      waiting.add(chunk)
      waitingChars += chunk.text.length
      stream.write(chunk.text, () => {
        if (waiting.delete(chunk)) waitingChars -= chunk.text.length
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
    writeRest: () => {
      const rest = [...waiting].map((chunk) => chunk.text).join('')
      waiting.clear()
      if (rest === '' || closed) return
      try {
        appendFileSync(path, rest)
      } catch {
        // The disk refuses, and there is nobody left to tell.
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
      `The log folder ${dir} cannot be written (${describeError(error)}): set LOG_DIR to one that can.`,
    )
  }
}

const lineCount = (text: string): number => text.split('\n').length - 1

const sayDropped = (count: number): string =>
  `${JSON.stringify({ level: 'warn', count, message: 'log lines were dropped before this one: the disk was too slow or refused' })}\n`
