import assert from 'node:assert/strict'
import { test } from 'node:test'
import pg from 'pg'
import { openTestDatabase } from '../../../test/database.ts'
import { createReadBack, PROOF, type Proof } from './commit.ts'
import { rawSql } from './db.ts'

void test('lost commits are read back over one connection, also after it broke', async () => {
  await using t = await openTestDatabase([])
  const proofs = await Promise.all([1, 2, 3, 4, 5].map(() => t.db.transaction((tx) => tx.one<Proof>(rawSql(PROOF)))))
  let [opened, now, most] = [0, 0, 0]
  const readBack = createReadBack(async () => {
    const client = new pg.Client(t.connection)
    client.on('error', () => undefined)
    await client.connect()
    client.once('end', () => now--)
    now += 1
    most = Math.max(most, now)
    if (++opened === 1) client.connection.stream.destroy()
    return client
  })
  assert.deepEqual(
    await Promise.all(proofs.map((proof) => readBack(proof))),
    proofs.map(() => 'committed'),
  )
  assert.deepEqual([opened, most], [2, 1])
})
