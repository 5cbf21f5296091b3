import type { Page } from '../types.ts'

/** Of `limit + 1` rows makes a page; the cursor is the id of its last row. */
export function pageOf<T extends { id: string }>(rows: readonly T[], limit: number): Page<T> {
  const items = rows.slice(0, limit)
  return { items, nextCursor: rows.length > limit ? items.at(-1)?.id : undefined }
}

/** Null columns as undefined. */
export type Nulls<T> = { [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K] }

export const withoutNulls = <T extends object>(row: Nulls<T>): T =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value ?? undefined])) as T
