import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { letTimePass, waitFor } from '../../../../test/wait.ts'
import { systemClock } from '../../base/clock.ts'
import { openDb, rawSql, sql, type Db } from '../../database/db.ts'
import { platformSchema } from '../../database/schema.ts'
import { silentLog } from '../../observe/log.ts'
import { createClaims } from './claims.ts'
import { createInstances, type Instances } from './instances.ts'

function create({ db }: TestDatabase, holder: string, own: { db?: Db; heartbeats?: Db } = {}): Instances {
  const claims = createClaims({ db, clock: systemClock, log: silentLog, holder, tables: [] })
  const done = () => Promise.resolve()
  const about = { claims, version: '1', migrations: [], requireCode: done, updateMetrics: done }
  return createInstances({ db, heartbeats: db, clock: systemClock, log: silentLog, ...about, ...own })
}

const addKey = ({ db }: TestDatabase, holder: string): Promise<number> =>
  db.run(sql`insert into platform.idempotency (scope, key, hash, state, claimed_by, claim, created_at)
    values ('s', 'k', 'h', 'running', ${holder}, 1, now())`)

const holders = async ({ db }: TestDatabase): Promise<unknown[]> =>
  (await db.many<{ id: unknown }>(sql`select claimed_by as id from platform.idempotency`)).map(({ id }) => id)

const listInstances = async ({ db }: TestDatabase): Promise<string[]> =>
  (await db.many<{ id: string }>(sql`select id from platform.instances order by id`)).map(({ id }) => id)

test('the first instance that starts after an outage leaves the living ones alone', async () => {
  await using t = await openTestDatabase([platformSchema])
  await create(t, 'living').sendHeartbeat()
  await addKey(t, 'living')
  await t.db.run(rawSql(`update platform.instances set beat_at = clock_timestamp() - interval '11 seconds'`))
  const started = create(t, 'started')
  await started.start(['worker'])
  assert.deepEqual([await listInstances(t), await holders(t)], [['living', 'started'], ['living']])
  await started.stop()
})

test('an instance that was silent registers again before it claims', async () => {
  await using t = await openTestDatabase([platformSchema])
  const [frozen, other] = [create(t, 'frozen'), create(t, 'other')]
  await frozen.sendHeartbeat()
  await t.db.run(sql`delete from platform.instances`)
  await frozen.requireHeartbeat()
  assert.deepEqual(await listInstances(t), [], 'its last heartbeat is recent')
  await letTimePass(5_100)
  await frozen.requireHeartbeat()
  await addKey(t, 'frozen')
  await other.sendHeartbeat()
  assert.deepEqual(await holders(t), ['frozen'])
})

test('heartbeats do not wait for the connections of requests', async () => {
  await using t = await openTestDatabase([platformSchema])
  const db = openDb({ connection: t.connection, max: 1 })
  const heartbeats = openDb({ connection: t.connection, max: 1 })
  const busy = create(t, 'busy', { db, heartbeats })
  const ended = Promise.withResolvers<void>()
  const request = db.transaction(() => ended.promise)
  const beating = busy.sendHeartbeat()
  await waitFor('the heartbeat', async () => (await listInstances(t)).includes('busy'))
  ended.resolve()
  await Promise.all([request, beating])
  await Promise.all([db.close(), heartbeats.close()])
})
