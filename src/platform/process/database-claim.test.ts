import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openTestDatabase } from '../../../test/database.ts'
import { systemClock as clock } from '../base/clock.ts'
import { createMasterKeyFile } from '../environment/masterkey.ts'
import { platformSchema } from '../database/schema.ts'
import { claimDatabase, masterKeyPath } from './database-claim.ts'

function keyIn(t: TestContext): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'purser-state-'))
  t.after(() => rmSync(dataDir, { recursive: true, force: true }))
  return masterKeyPath({ masterKeyFile: undefined, dataDir })
}

void test('the first start fixes mode and key; later and concurrent starts with the same pass', async (t) => {
  await using database = await openTestDatabase([platformSchema])
  const keyPath = keyIn(t)
  const options = { mode: 'sandbox', keyPath, clock } as const
  const keys = await Promise.all([1, 2, 3, 4].map(() => claimDatabase(database.owner, options)))
  assert.equal(new Set(keys.map((key) => key.fingerprint(1))).size, 1)
  await claimDatabase(database.owner, options)
})

void test('another mode, another key and a missing key are refused with one line, and no key is created', async (t) => {
  await using database = await openTestDatabase([platformSchema])
  const keyPath = keyIn(t)
  await claimDatabase(database.owner, { mode: 'live', keyPath, clock })
  const refused = async (mode: 'live' | 'sandbox', path: string, code: string, text: RegExp): Promise<void> => {
    await assert.rejects(
      claimDatabase(database.owner, { mode, keyPath: path, clock }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, code)
        assert.match(error.message, text)
        assert.equal(error.message.includes('\n'), false)
        return true
      },
    )
  }
  await refused('sandbox', keyPath, 'platform.other-mode', /belongs to mode live.*PURSER_MODE=live/)
  const other = keyIn(t)
  createMasterKeyFile(other)
  await refused('live', other, 'platform.other-master-key', /Restore/)
  rmSync(keyPath)
  await refused('live', keyPath, 'platform.master-key-missing', /Restore the file/)
  await refused('live', keyPath, 'platform.master-key-missing', /Restore the file/)
})

void test('the running program cannot change mode and key fingerprint', async (t) => {
  await using database = await openTestDatabase([platformSchema])
  await claimDatabase(database.owner, { mode: 'live', keyPath: keyIn(t), clock })
  const { sql } = await import('../database/db.ts')
  for (const statement of [
    sql`update platform.state set value = 'sandbox'`,
    sql`delete from platform.state`,
    sql`truncate platform.state`,
  ]) {
    await assert.rejects(database.db.run(statement), /permission denied/)
  }
})
