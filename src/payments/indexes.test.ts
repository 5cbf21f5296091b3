import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import { openTestDatabase } from '../../test/database.ts'
import { schemas } from './fixture.ts'

void test('the payments table has the indexes that operators search by', async () => {
  await using database = await openTestDatabase(schemas)
  const found = await database.owner.many<{ name: string }>(sql`select indexname as name from pg_indexes
    where schemaname = 'payments' and tablename = 'intents' and indexname like 'idx_payments%' order by 1`)
  assert.deepEqual(
    found.map(({ name }) => name),
    ['idx_payments_created', 'idx_payments_status'],
  )
})
