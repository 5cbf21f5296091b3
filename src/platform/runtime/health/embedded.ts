import type { ServerState } from '../../database/postgres.ts'
import type { HealthCheck } from './checks.ts'

/** Creates the check of the embedded server. Unhealthy while it has ended and cannot be started again; the detail has the error's code. */
export const embeddedCheck = (state: () => ServerState): HealthCheck => ({
  name: 'postgres',
  critical: false,
  check: () => {
    const { restarts, problem } = state()
    return Promise.resolve({
      status: problem === undefined ? 'healthy' : 'unhealthy',
      detail: { restarts, ...(problem !== undefined && { problem }) },
    })
  },
})
