import { styleText } from 'node:util'

const STYLES: Readonly<Record<string, Parameters<typeof styleText>[0]>> = {
  error: 'red',
  fatal: 'red',
  warn: 'yellow',
  info: 'green',
  debug: 'gray',
  trace: 'gray',
}

/** Renders a JSON line for a terminal: time, level, module, message, other fields as key=value. */
export function renderLine(line: string): string {
  if (line === '') return ''
  const {
    level,
    timestamp,
    service: _service,
    version: _version,
    module,
    message,
    error,
    ...rest
  } = JSON.parse(line) as Record<string, unknown>
  const word = textOf(level)
  const pairs = Object.entries(rest).map(([key, value]) => `${key}=${textOf(value)}`)
  const stack = typeof error === 'object' && error !== null && 'stack' in error ? `\n${textOf(error.stack)}` : ''
  const parts = [
    styleText('gray', textOf(timestamp).slice(11, 19)),
    styleText(STYLES[word] ?? 'white', word.padEnd(5)),
    ...(module === undefined ? [] : [styleText('cyan', textOf(module))]),
    textOf(message),
    ...(pairs.length === 0 ? [] : [styleText('gray', pairs.join(' '))]),
  ]
  return `${parts.join(' ')}${stack}\n`
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : (JSON.stringify(value) ?? ''))
