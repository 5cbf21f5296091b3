import { extname } from 'node:path'

/** Openings that hide the subject of a sentence. */
const RIDDLE = /^\W*(?:of|what|whoever|whose|so\s+that|as)\b/i
/** `@returns`, `@param name` and their like: the text behind them is checked. */
const TAG = /^@(?:(?:param|throws|template)\s+\S+|\w+)\s+/

const LINE_MARKS: Readonly<Record<string, string>> = {
  '.ts': '//',
  '.js': '//',
  '.sql': '--',
  '.sh': '#',
  '.md': '\0',
  '.css': '\0',
  '.html': '\0',
}
const BLOCK = /(?<![\w'"`*/])\/\*[*!]?[\s*]*([^\s*/][^\n]*(?:\n[\s*]*that\b[^\n]*)?)/g
const HTML_BLOCK = /<!--\s*([^\n]*)/g

/** Returns a sentence for each comment that begins like a riddle. */
export function untidyComments(path: string, text: string): string[] {
  const kind = extname(path) === '' ? '.sh' : extname(path)
  const blocks = kind === '.md' || kind === '.html' ? HTML_BLOCK : kind === '.sh' ? undefined : BLOCK
  const starts = [
    ...(blocks ? [...text.matchAll(blocks)].map(([, line = '']) => line) : []),
    ...lineStarts(LINE_MARKS[kind], text),
  ]
  return starts
    .filter((line) => RIDDLE.test(line.replace(TAG, '')))
    .map((line) => `comment "${line.slice(0, 60).trim()}": begin with a verb or a noun phrase (STYLE.md, Words)`)
}

/** First lines of line comments: of a run, after a sentence that ended, and behind code. */
function lineStarts(mark: string | undefined, text: string): string[] {
  if (mark === undefined || mark === '\0') return []
  const lines = text.split('\n')
  const textOf = (line: string | undefined): string | undefined => {
    const trimmed = line?.trimStart()
    return trimmed?.startsWith(mark) === true
      ? trimmed
          .slice(mark.length)
          .replace(/^[/!]+/, '')
          .trim()
      : undefined
  }
  const behind = new RegExp(`[^\\s:'"\`\\\\]\\s+${mark}\\s+([^'"\`]*)$`)
  return lines.flatMap((line, i) => {
    const own = textOf(line)
    if (own !== undefined) {
      const before = textOf(lines[i - 1])
      return before === undefined || before === '' || /[.:!?]$/.test(before) ? [own] : []
    }
    const trailing = behind.exec(line)?.[1]
    return trailing === undefined ? [] : [trailing]
  })
}
