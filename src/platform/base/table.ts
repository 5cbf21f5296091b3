const GAP = '  '
/** Minimum width, in characters, of a wrapped last column. */
const MIN_WRAP_WIDTH = 24

/**
 * Formats rows as a text table with their keys as header, one line per row, without a trailing line break. Returns `None.` without
 * rows. Wraps the last column when the table is wider than `columns` characters and at least 24 characters are left for it.
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
      const lines = room < MIN_WRAP_WIDTH ? [last] : wrapText(last, room)
      return lines.map((line, i) => `${i === 0 ? head.join('') : ' '.repeat(before)}${line}`.trimEnd())
    })
    .join('\n')
}

/** Breaks a text between words into lines of at most `width` characters. A longer word gets its own line. */
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

/** Renders JSON on one line, or on several with `indent`. A bigint becomes a string of its digits. */
export const jsonText = (value: unknown, indent?: number): string =>
  JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part), indent)
