import { writeSync } from 'node:fs'
import { openLogFile, type LogFile } from './file.ts'
import { renderLine } from './pretty.ts'
import { scrubLine } from './scrub.ts'

export interface Output {
  write(line: string): void
  drain(): Promise<void>
  close(): Promise<void>
}

const BUFFER_MS = 50
const BUFFER_CHARS = 64 * 1024

/** Opens the destinations of log lines: standard output and the two files. */
export function openOutput(options: { dir: string | undefined; console: boolean }): Output {
  const combined = options.dir === undefined ? undefined : openLogFile(options.dir, 'combined.log', { keep: 10 })
  const errors = options.dir === undefined ? undefined : openLogFile(options.dir, 'error.log', { keep: 5 })
  const files = [combined, errors].filter((file) => file !== undefined)
  const terminal = options.console && process.stdout.isTTY
  let lines = ''
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    const text = lines
    lines = ''
    if (text === '') return
    if (options.console) process.stdout.write(terminal ? text.split('\n').map(renderLine).join('') : text)
    combined?.write(text)
  }
  const flushAtExit = (): void => {
    if (lines !== '' && options.console)
      writeSyncToStdout(terminal ? lines.split('\n').map(renderLine).join('') : lines)
    if (lines !== '') combined?.write(lines)
    lines = ''
    for (const file of files) file.flushSync()
  }
  process.on('exit', flushAtExit)
  // Without a listener a closed pipe would end the program.
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => {})

  return {
    write: (raw) => {
      const line = scrubLine(raw)
      lines += line
      if (isError(line)) {
        errors?.write(line)
        flush()
      } else if (lines.length > BUFFER_CHARS) flush()
      else timer ??= setTimeout(flush, terminal ? 0 : BUFFER_MS)
    },
    drain: () => drain(flush, files),
    close: async () => {
      await drain(flush, files)
      process.off('exit', flushAtExit)
      await Promise.all(files.map((file) => file.close()))
    },
  }
}

async function drain(flush: () => void, files: readonly LogFile[]): Promise<void> {
  flush()
  await Promise.all([
    ...files.map((file) => file.drain()),
    new Promise<void>((done) => {
      process.stdout.write('', () => done())
    }),
  ])
}

/** Returns whether a line has level error or fatal. pino writes the level first. */
const isError = (line: string): boolean => line.startsWith('{"level":"error"') || line.startsWith('{"level":"fatal"')

function writeSyncToStdout(text: string): void {
  try {
    writeSync(1, text)
  } catch {
    // The reader closed the pipe, and the process ends.
  }
}
