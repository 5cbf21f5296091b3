import { extname } from 'node:path'

/** Openings that hide the subject of a sentence. */
const RIDDLE = /^(?:of|what|whoever|whose|so that|as)\s/i

const KINDS: readonly string[] = ['.ts', '.sql', '.css']

/** Returns a sentence for each comment that begins like a riddle. */
export function untidyComments(path: string, text: string): string[] {
  const kind = extname(path) === '.js' ? '.ts' : extname(path)
  const firstLines = [...blockStarts(kind, text), ...lineStarts(kind, text)]
  return firstLines
    .filter((line) => RIDDLE.test(line))
    .map((line) => `comment "${line.slice(0, 60).trim()}": begin with a verb or a noun phrase (STYLE.md, Words)`)
}

function blockStarts(kind: string, text: string): string[] {
  if (!KINDS.includes(kind)) return []
  return [...text.matchAll(/(?<![\w'"`*/])\/\*\*?[\s*]*([^\s*/][^\n]*)/g)].map(([, line = '']) => line)
}

/** First lines of runs of line comments, and comments behind code. */
function lineStarts(kind: string, text: string): string[] {
  const mark = kind === '.sql' ? '--' : kind === '.ts' ? '//' : undefined
  if (mark === undefined) return []
  const lines = text.split('\n')
  const isComment = (line: string | undefined): boolean => line?.trimStart().startsWith(mark) === true
  return lines.flatMap((line, i) => {
    if (isComment(line)) return isComment(lines[i - 1]) ? [] : [line.trimStart().slice(mark.length).trimStart()]
    const behind = new RegExp(`[;{}(),]\\s+${mark}\\s+(.*)$`).exec(line)?.[1]
    return behind === undefined ? [] : [behind]
  })
}
