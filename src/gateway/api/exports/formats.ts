/** File formats for rows. */

export type Cell = string | boolean | number | null | Readonly<Record<string, string>>
export type Row = Readonly<Record<string, Cell>>

export interface Table {
  readonly type: string
  begin(columns: readonly string[]): string
  /** `first`: these are the first rows of the file. */
  rows(rows: readonly Row[], columns: readonly string[], first: boolean): string
  end(): string
}

/** RFC 4180: UTF-8, CRLF, a header line, quotes where needed. */
const csv: Table = {
  type: 'text/csv; charset=utf-8; header=present',
  begin: (columns) => `${columns.join(',')}\r\n`,
  rows: (rows, columns) =>
    rows.map((row) => `${columns.map((name) => csvCell(row[name] ?? null)).join(',')}\r\n`).join(''),
  end: () => '',
}

/** One array with one row per line. A truncated file lacks its closing bracket, so a parser rejects it. */
const json: Table = {
  type: 'application/json; charset=utf-8',
  begin: () => '[',
  rows: (rows, _, first) => rows.map((row, i) => `${first && i === 0 ? '\n' : ',\n'}${JSON.stringify(row)}`).join(''),
  end: () => '\n]\n',
}

export const TABLES = { csv, json } as const

/**
 * A spreadsheet runs a cell that begins like this as a formula, and payers write the text of many cells. An apostrophe before it makes it
 * text. Source: https://owasp.org/www-community/attacks/CSV_Injection
 */
const FORMULA = /^[=+\-@\t\r\n]/
const QUOTED = /[",\r\n]/

function csvCell(cell: Cell): string {
  if (cell === null) return ''
  const text = typeof cell === 'object' ? JSON.stringify(cell) : String(cell)
  const safe = FORMULA.test(text) ? `'${text}` : text
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
