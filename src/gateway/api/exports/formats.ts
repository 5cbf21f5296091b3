/** Rows as files that programs and spreadsheets read. */

export type Cell = string | boolean | number | null | Readonly<Record<string, string>>
export type Row = Readonly<Record<string, Cell>>

export interface Table {
  readonly type: string
  begin(columns: readonly string[]): string
  /** `first`: no row came before these. */
  rows(rows: readonly Row[], columns: readonly string[], first: boolean): string
  end(): string
}

/** RFC 4180: UTF-8, CRLF, a head line, quotes where they are needed. */
const csv: Table = {
  type: 'text/csv; charset=utf-8; header=present',
  begin: (columns) => `${columns.join(',')}\r\n`,
  rows: (rows, columns) =>
    rows.map((row) => `${columns.map((name) => csvCell(row[name] ?? null)).join(',')}\r\n`).join(''),
  end: () => '',
}

/** One array with a row in each line. One that was cut off lacks its end, so nobody takes it for the whole. */
const json: Table = {
  type: 'application/json; charset=utf-8',
  begin: () => '[',
  rows: (rows, _, first) => rows.map((row, i) => `${first && i === 0 ? '\n' : ',\n'}${JSON.stringify(row)}`).join(''),
  end: () => '\n]\n',
}

export const TABLES = { csv, json } as const

/**
 * A spreadsheet takes a cell that begins like this for a formula and runs it, and much of what stands in a cell was written by strangers:
 * an apostrophe before it makes it text. Source: https://owasp.org/www-community/attacks/CSV_Injection
 */
const FORMULA = /^[=+\-@\t\r\n]/
const QUOTED = /[",\r\n]/

function csvCell(cell: Cell): string {
  if (cell === null) return ''
  const text = typeof cell === 'object' ? JSON.stringify(cell) : String(cell)
  const safe = FORMULA.test(text) ? `'${text}` : text
  return QUOTED.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
