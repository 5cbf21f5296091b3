import { statfs } from 'node:fs/promises'
import type { Clock } from '../../base/clock.ts'
import type { Db } from '../../database/db.ts'
import type { HealthCheck } from './checks.ts'

const MEGABYTE = 1024 * 1024
/** Free space below which the embedded database soon stops: half of its write-ahead log (max_wal_size). */
const LOW_BYTES = 256 * MEGABYTE
/** Free space below which it may stop at any write: two segments of its write-ahead log. */
const FULL_BYTES = 32 * MEGABYTE
/** Time for which a refused write counts. */
const RECENT_MS = 30_000

export interface DiskCheckDeps {
  readonly db: Pick<Db, 'recentDiskFull'>
  readonly clock: Clock
  readonly dataDir: string
  /** Whether the database is in the data folder. */
  readonly embedded: boolean
}

/**
 * Creates the check of disk space. Unhealthy: PostgreSQL refused a write for lack of space within the last half minute, or the data folder is
 * full. Degraded: little space is left there. Log, spool and an embedded database share that folder.
 */
export const diskCheck = ({ db, clock, dataDir, embedded }: DiskCheckDeps): HealthCheck => ({
  name: 'disk',
  // Reads still work, and another instance would not have more space.
  critical: false,
  check: async () => {
    const refusedAt = db.recentDiskFull
    const refused = refusedAt !== undefined && clock.now().getTime() - refusedAt.getTime() < RECENT_MS
    const stats = await statfs(dataDir)
    const freeBytes = stats.bavail * stats.bsize
    const full = embedded ? FULL_BYTES : MEGABYTE
    const low = embedded ? LOW_BYTES : FULL_BYTES
    const detail = {
      freeMegabytes: Math.floor(freeBytes / MEGABYTE),
      ...(refused && { problem: 'PostgreSQL has no space left', refusedAt: refusedAt.toISOString() }),
    }
    return { status: refused || freeBytes < full ? 'unhealthy' : freeBytes < low ? 'degraded' : 'healthy', detail }
  },
})
