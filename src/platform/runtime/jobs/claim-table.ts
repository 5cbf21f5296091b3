/** The number of a claim. A row's holder has the highest number. */
export interface Claimed {
  readonly claim: bigint
}

/** A table whose rows are claimed. It has the columns `claimed_by text`, `claim bigint` and, partial, an index on `claimed_by`. */
export interface ClaimTable<Row = unknown> {
  /** `schema.table` */
  readonly table: string
  /** Column of the due time. Null: rows have no due time. Default: `due_at`. */
  readonly dueAt?: string | null
  /** Whether requests claim rows, too, and not only a queue. Default: false. */
  readonly requests?: boolean
  /** Returns the primary key of a row, by column. */
  keyOf(row: Row): Readonly<Record<string, string>>
}
