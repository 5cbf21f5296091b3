import type { ClientConfig } from 'pg'
import { applicationName } from '../database/postgres.ts'
import { openDb, type Queryable } from '../database/db.ts'
import { listBackground, migrateInBackground, type Schema } from '../database/migrate.ts'
import type { Cron } from './jobs.ts'

export interface BackgroundMigrationsDeps {
  readonly db: Queryable
  /** Connection of the role that owns the schemas. It is opened only while there is something to do. */
  readonly owner: ClientConfig
  /** Role that the connections of the owner must have. */
  readonly ownerUser: string
  readonly schemas: readonly Schema[]
}

const EVERY_MS = 10_000
/** Building an index on a large table can take hours. */
const LIMIT_MS = 24 * 60 * 60_000

/** Creates the cron that applies deferred migrations after the start (docs/decisions/0012), so that they do not delay it. */
export function createBackgroundMigrations({ db, owner, ownerUser, schemas }: BackgroundMigrationsDeps): Cron {
  let done = false
  let reported = ''
  return {
    name: 'platform.background-migrations',
    everyMs: EVERY_MS,
    limitMs: LIMIT_MS,
    run: async ({ log, signal }) => {
      // Migrations are never undone, so a process asks only until all of them are done.
      if (done) return
      done = (await listBackground(db, schemas)).length === 0
      if (done) return
      const ownerDb = openDb({
        connection: owner,
        expectedUser: ownerUser,
        max: 1,
        applicationName: applicationName('migrate'),
      })
      try {
        const { waiting } = await migrateInBackground(ownerDb, schemas, { signal, log: (line) => log.info(line) })
        const report = waiting.join(' ')
        if (report !== reported && report !== '') log.info(report)
        reported = report
      } finally {
        await ownerDb.close()
      }
    },
  }
}
