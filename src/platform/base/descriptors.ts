import { readdirSync, readFileSync } from 'node:fs'

/** Open file descriptors of this process, and the limit that the system sets. */
export interface Descriptors {
  readonly open: number
  readonly limit: number
}

/** Reads the descriptors of this process. Undefined on systems without /proc, and without a limit. */
export function readDescriptors(): Descriptors | undefined {
  const limit = readLimit()
  if (limit === undefined) return undefined
  try {
    return { open: readdirSync('/proc/self/fd').length, limit }
  } catch {
    // Listing them takes one more descriptor.
    return { open: limit, limit }
  }
}

let cached: number | undefined

/** Node raises the soft limit to the hard one at its start, and nothing changes it later. It is read once, while a file can be opened. */
function readLimit(): number | undefined {
  if (cached !== undefined || process.platform !== 'linux') return cached
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return (cached = soft === undefined ? undefined : Number(soft))
  } catch {
    return undefined
  }
}

/** Returns whether an error says that this process, or the whole system, has no free file descriptor. */
export const isOutOfDescriptors = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'EMFILE' || error.code === 'ENFILE')
