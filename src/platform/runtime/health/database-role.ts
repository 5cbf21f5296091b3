import { sql, type Queryable } from '../../database/db.ts'
import type { HealthCheck } from './checks.ts'

interface Role {
  readonly role: 'restricted' | 'owner'
  readonly roleProblem?: string
}

/**
 * Creates the check that shows the role of the program. Degraded when it runs as the owner of the tables and DATABASE_ROLE=owner is not set,
 * and when its connections have no time-outs.
 */
export const databaseRoleCheck = (database: Role, db: Queryable): HealthCheck => ({
  name: 'database-role',
  critical: false,
  check: async () => {
    const { role, roleProblem } = database
    const problem = roleProblem ?? (await findMissingTimeouts(db))
    if (problem !== undefined) return { status: 'degraded', detail: { role, problem } }
    const accepted = role === 'owner' && { accepted: 'by DATABASE_ROLE=owner' }
    return { status: 'healthy', detail: { role, ...accepted } }
  },
})

/** Only the role gives time-outs to the connections of a pooler. An administrator can take them away. */
async function findMissingTimeouts(db: Queryable): Promise<string | undefined> {
  const found = await db
    .one<{ set: boolean }>(
      sql`select current_setting('statement_timeout') <> '0' and current_setting('idle_in_transaction_session_timeout') <> '0' as set`,
    )
    // The check of the database reports that it cannot be reached.
    .catch(() => undefined)
  return found?.set === false ? 'connections have no time-outs; the next start sets them' : undefined
}
