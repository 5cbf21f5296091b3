import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock as clock } from '#platform/base/clock'
import { openDb, rawSql, sql } from '#platform/database/db'
import { applyGrants } from '#platform/database/grants'
import { requireCode } from '#platform/database/migrate'
import { platformSchema } from '#platform/database/schema'
import { claimDatabase } from '#platform/process/database-claim'
import { closeDatabase } from '#platform/process/roles'
import { openTestDatabase, type TestDatabase } from './database.ts'
import { waitFor } from './wait.ts'

/** Acts of a start that wait for another instance, with the advisory lock for which they wait. */
const acts = (
  t: TestDatabase,
  keyPath: string,
): readonly [name: string, lock: number, act: () => Promise<unknown>][] => [
  ['rights', 7_305_010, () => applyGrants(t.owner, [platformSchema], t.user)],
  ['role', 7_305_011, () => closeDatabase(t.owner, t.user)],
  ['claim', 7_305_002, () => claimDatabase(t.owner, { mode: 'sandbox', keyPath, clock })],
  ['code', 7_305_007, () => requireCode(t.owner, [platformSchema])],
]

void test('an instance that waits for its turn keeps no transaction open, for which an index build would wait', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'purser-turns-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  await using database = await openTestDatabase([platformSchema])
  const other = openDb({ connection: database.ownerConnection, max: 1, statementTimeoutMs: 5_000 })
  for (const [name, lock, act] of acts(database, join(folder, 'master.key'))) {
    const holder = await other.openSession()
    await holder.run(sql`select pg_advisory_lock(${lock}::bigint)`)
    let ended = false
    const waiting = act().finally(() => (ended = true))
    await waitFor(`${name} to ask for its turn`, async () => {
      const asked = await database.owner.maybe(
        sql`select 1 as found from pg_stat_activity where datname = current_database() and query like '%advisory_xact_lock%'
          and pid <> pg_backend_pid()`,
      )
      return asked !== undefined
    })
    const inside = await database.owner.many(
      sql`select pid from pg_locks where not granted and locktype = 'advisory' and objid = ${lock}::bigint::oid limit 10`,
    )
    assert.deepEqual(inside, [], name)
    await holder.run(rawSql(`create index concurrently turn_${name} on platform.instances (id)`))
    assert.equal(ended, false, name)
    await holder.close()
    await waiting
  }
  await other.close()
})
