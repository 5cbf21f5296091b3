import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../test/database.ts'
import { requireCurrent } from './migrate.ts'
import { platformSchema } from './schema.ts'

const later = { name: 'later', folder: new URL('../../identity/migrations/', import.meta.url) }

void test('a database is current when exactly the known migrations have run', async () => {
  await using database = await openTestDatabase([platformSchema])
  await requireCurrent(database.owner, [platformSchema])
  await assert.rejects(requireCurrent(database.owner, [platformSchema, later]), {
    code: 'platform.schema-older',
    message: /migration later\/0001-\S+\.sql is pending.*purser start/,
  })
  await assert.rejects(requireCurrent(database.owner, []), { code: 'platform.schema-newer' })
})
