const GAP = '  '
/** The last column is not wrapped into less. */
const LEAST_WRAPPED = 24

/**
 * Rows as a table of their keys, one line a row, without a line break at the end; `None.` without rows. What is wider than `columns`
 * has the texts of its last column wrapped, where that leaves them room.
 */
export function formatTable(rows: readonly Readonly<Record<string, unknown>>[], columns: number): string {
  const [first] = rows
  if (!first) return 'None.'
  const names = Object.keys(first)
  const cells = [names, ...rows.map((row) => names.map((name) => cellText(row[name])))]
  const widths = names.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)))
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0)
  const room = columns - before
  return cells
    .flatMap((row) => {
      const head = row.slice(0, -1).map((cell, i) => cell.padEnd(widths[i] ?? 0) + GAP)
      const last = row.at(-1) ?? ''
      const lines = room < LEAST_WRAPPED ? [last] : wrapText(last, room)
      return lines.map((line, i) => `${i === 0 ? head.join('') : ' '.repeat(before)}${line}`.trimEnd())
    })
    .join('\n')
}

/** The text in lines of at most `width` characters, broken between words; a longer word has a line of its own. */
function wrapText(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'string' || typeof value === 'bigint' ? value.toString() : jsonText(value)
}

/** JSON of one line, or of many with `indent`. A bigint, which JSON does not have, is its digits as text. */
export const jsonText = (value: unknown, indent?: number): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part), indent)
