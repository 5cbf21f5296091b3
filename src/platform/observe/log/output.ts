import { writeSync } from 'node:fs'
import { openLogFile, type LogFile } from './file.ts'
import { renderLine } from './pretty.ts'
import { scrubLine } from './scrub.ts'

export interface Output {
  write(line: string): void
  drain(): Promise<void>
  close(): Promise<void>
}

const GATHER_MS = 50
const GATHER_CHARS = 64 * 1024

/** Where lines go: standard output and the two files. */
export function openOutput(options: { dir: string | undefined; console: boolean }): Output {
  const combined = options.dir === undefined ? undefined : openLogFile(options.dir, 'combined.log', { keep: 10 })
  const errors = options.dir === undefined ? undefined : openLogFile(options.dir, 'error.log', { keep: 5 })
  const files = [combined, errors].filter((file) => file !== undefined)
  const terminal = options.console && process.stdout.isTTY
  let lines = ''
  let timer: NodeJS.Timeout | undefined

  const passOn = (): void => {
    clearTimeout(timer)
    timer = undefined
    const text = lines
    lines = ''
    if (text === '') return
    if (options.console) process.stdout.write(terminal ? text.split('\n').map(renderLine).join('') : text)
    combined?.write(text)
  }
  const atExit = (): void => {
    if (lines !== '' && options.console) writeOut(terminal ? lines.split('\n').map(renderLine).join('') : lines)
    if (lines !== '') combined?.write(lines)
    lines = ''
    for (const file of files) file.writeRest()
  }
  process.on('exit', atExit)
  if (process.stdout.listenerCount('error') === 0) process.stdout.on('error', () => {}) // a closed pipe must not end the program

  return {
    write: (raw) => {
      const line = scrubLine(raw)
      lines += line
      if (isError(line)) {
        errors?.write(line)
        passOn()
      } else if (lines.length > GATHER_CHARS) passOn()
      else timer ??= setTimeout(passOn, terminal ? 0 : GATHER_MS)
    },
    drain: () => drain(passOn, files),
    close: async () => {
      await drain(passOn, files)
      process.off('exit', atExit)
      await Promise.all(files.map((file) => file.close()))
    },
  }
}

async function drain(passOn: () => void, files: readonly LogFile[]): Promise<void> {
  passOn()
  await Promise.all([
    ...files.map((file) => file.drain()),
    new Promise<void>((done) => {
      process.stdout.write('', () => done())
    }),
  ])
}

/** pino writes the level first. */
const isError = (line: string): boolean => line.startsWith('{"level":"error"') || line.startsWith('{"level":"fatal"')

function writeOut(text: string): void {
  try {
    writeSync(1, text)
  } catch {
    // The other end is gone, and so are we.
  }
}
