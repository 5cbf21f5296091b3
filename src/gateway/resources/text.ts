import { z } from 'zod'

/** Returns a schema for text that PostgreSQL can store: no null characters, no broken Unicode. */
export const text = (most: number) =>
  z
    .string()
    .max(most, `must have at most ${most} characters`)
    .refine(
      (given) => !given.includes('\0') && given.isWellFormed(),
      'must be text without null characters and broken Unicode',
    )

export const instant = z.iso.datetime({ offset: true, error: 'must be a time such as 2026-01-15T09:00:00Z' })
