import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createApp, loadSchemas } from '../src/app.ts'
import { loadAppConfig } from '../src/foundation.ts'
import { createSetClock } from '#platform/base/clock'
import { attachDatabase, checkDatabase, openDatabase, prepareDatabase } from '#platform/process/startup'
import { rawSql } from '#platform/database/db'
import { silentLog } from '#platform/observe/log'
import { openOwnPostgres, postgresMissing } from './debian-postgres.ts'

test(
  'with an external PostgreSQL a payment works, and history cannot be rewritten',
  { skip: postgresMissing },
  async (t) => {
    await using postgres = await openOwnPostgres()
    t.diagnostic(`PostgreSQL ${postgres.version}`)
    const dataDir = mkdtempSync(join(tmpdir(), 'purser-own-'))
    t.after(() => rmSync(dataDir, { recursive: true, force: true }))
    const env = { DATABASE_URL: postgres.url, DATA_DIR: dataDir, PORT: '0' }
    const loaded = loadAppConfig({ env, file: join(dataDir, '.env') })
    const config = loaded.config.platform
    const clock = createSetClock()
    const schemas = await loadSchemas('sandbox')
    const attached = await attachDatabase(config, { log: () => undefined })
    await assert.rejects(checkDatabase(attached, { schemas, config, clock }), { code: 'platform.no-database' })
    const server = await openDatabase(config, { log: () => undefined })
    const { masterKey, database } = await prepareDatabase(server, { schemas, config, clock })
    await prepareDatabase(server, { schemas, config, clock })
    await checkDatabase(attached, { schemas, config, clock })
    const app = await createApp({ loaded, database, masterKey, log: silentLog, version: 'test', clock })
    try {
      await app.start({ work: false })
      const headers = { authorization: `Bearer ${app.sandboxKey ?? ''}`, 'content-type': 'application/json' }
      const post = async (path: string, body: object): Promise<any> =>
        (await fetch(`${app.url()}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json()
      const { id } = await post('/api/v1/payments', { amount: '1500.00', currency: 'KES' })
      await post(`/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone: '254700000001' })
      for (let second = 0; second < 3; second++) {
        clock.advance(1000)
        await app.jobs.runDue()
      }
      const intent = await app.payments.find(app.db, { id })
      assert.equal(intent?.status, 'paid')
      for (const table of ['ledger.transfers', 'payments.receipts', 'identity.audit']) {
        await assert.rejects(app.db.run(rawSql(`delete from ${table}`)), { code: '42501' }, table)
      }
    } finally {
      await app.stop()
      await server.close()
    }
  },
)
