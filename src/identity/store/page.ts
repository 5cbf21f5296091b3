import type { Page } from '../types.ts'

/** Builds a page from up to `limit + 1` rows. The cursor is the id of its last row. */
export function pageOf<T extends { id: string }>(rows: readonly T[], limit: number): Page<T> {
  const items = rows.slice(0, limit)
  return { items, nextCursor: rows.length > limit ? items.at(-1)?.id : undefined }
}

/** Row type with null where the object type has undefined. */
export type Nulls<T> = { [K in keyof T]: undefined extends T[K] ? Exclude<T[K], undefined> | null : T[K] }

export const withoutNulls = <T extends object>(row: Nulls<T>): T =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value ?? undefined])) as T
