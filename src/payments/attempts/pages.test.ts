import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../test/database.ts'
import { kes, openTrial, received, referenceOf, schemas, type Trial } from '../fixture.ts'

async function beginByCard(trial: Trial): Promise<{ id: string; intentId: string }> {
  const { id: intentId } = await trial.create()
  return trial.payments.startAttempt({ intentId, method: 'card', payer: {}, returnUrl: 'https://x.example' })
}

test('a payment is recorded at once, and only once, when the payer returns from the card page', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await beginByCard(trial)
  trial.page.onCheck = () => received({ id: 'ch_1', gross: kes(150_000n) }, referenceOf(id))
  await Promise.all([trial.payments.pollPages(intentId), trial.payments.pollPages(intentId)])
  assert.equal((await trial.find(intentId)).status, 'paid')
  const asked = trial.page.checked.length
  await trial.payments.pollPages(intentId)
  assert.equal(trial.page.checked.length, asked)
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
})

test('a poll by the payer’s page does not slow down regular checks', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { intentId } = await beginByCard(trial)
  for (let i = 0; i < 5; i++) await trial.payments.pollPages(intentId)
  assert.equal(trial.page.checked.length, 5)
  await trial.pass(5000)
  assert.equal(trial.page.checked.length, 6)
})

test('a silent provider changes nothing, and a prompt is not queried', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { intentId } = await beginByCard(trial)
  trial.page.onCheck = () => Promise.reject(new Error('away'))
  await trial.start(intentId)
  const before = await trial.find(intentId)
  await trial.payments.pollPages(intentId)
  assert.deepEqual(await trial.find(intentId), before)
  assert.equal(trial.push.checked.length, 0)
})
