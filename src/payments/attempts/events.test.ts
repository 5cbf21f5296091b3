import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import { openTestDatabase } from '../../../test/database.ts'
import { kes, openTrial, received, schemas } from '../fixture.ts'

const HOUR_MS = 60 * 60_000

void test('an event of another program is ignored after an hour without an alert; one that claims money is parked', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const about = { reference: 'order_of_others' }
  const claim = received({ id: 'ch_9', gross: kes(150_000n) }, about.reference)
  for (const outcome of [{ kind: 'pending', ...about } as const, claim]) {
    const payload = trial.page.says({ about, outcome, needsCheck: true })
    await trial.app.inject({ method: 'POST', url: '/api/webhook/cards', payload, headers: { 'x-signature': 'good' } })
  }
  const states = (): Promise<{ state: string; note: string | null }[]> =>
    trial.db.many(sql`select state, note from inbox.events order by state`)
  const alarms = (): number => trial.log.entries.filter(({ securityEvent }) => securityEvent !== undefined).length
  await trial.pass(59 * 60_000)
  const later = { state: 'new', note: 'no attempt or receipt matches the event yet' }
  assert.deepEqual(await states(), [later, later], 'the reference may not be stored yet')
  await trial.pass(16 * 60_000)
  assert.deepEqual(await states(), [later, { state: 'ignored', note: 'the reference belongs to another program' }])
  assert.equal(alarms(), 0)
  for (let i = 0; i < 2; i++) await trial.pass(24 * HOUR_MS)
  assert.deepEqual((await states())[0]?.state, 'parked')
  assert.equal(alarms(), 1)
})
