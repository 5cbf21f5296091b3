import { sql, type Db } from '../../database/db.ts'
import type { HealthCheck } from './checks.ts'

/** Creates the check that runs a statement and reports the load of the pool. Degraded when ten times the pool size waits. */
export const databaseCheck = (db: Db): HealthCheck => ({
  name: 'database',
  critical: true,
  check: async () => {
    await db.run(sql`select 1`)
    const { totalCount, idleCount, waitingCount, options } = db.pool
    const detail = { connections: totalCount, idle: idleCount, waiting: waitingCount, most: options.max }
    return { status: waitingCount > options.max * 10 ? 'degraded' : 'healthy', detail }
  },
})
