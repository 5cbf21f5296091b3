import type { HealthCheck } from './checks.ts'

/** Creates the check that shows the role of the program. Degraded when it runs as the owner of the tables and DATABASE_ROLE=owner is not set. */
export const databaseRoleCheck = (database: { role: 'restricted' | 'owner'; roleProblem?: string }): HealthCheck => ({
  name: 'database-role',
  critical: false,
  check: () => {
    const { role, roleProblem: problem } = database
    if (problem !== undefined) return Promise.resolve({ status: 'degraded', detail: { role, problem } })
    const accepted = role === 'owner' && { accepted: 'by DATABASE_ROLE=owner' }
    return Promise.resolve({ status: 'healthy', detail: { role, ...accepted } })
  },
})
