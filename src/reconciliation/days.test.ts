import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '#platform/base/errors'
import { cardAttempt, kes, received, referenceOf, deliverEvent } from '../payments/fixture.ts'
import { type Books, DAY, HOUR_MS, line, NOON, openBooks, openCli } from './fixture.ts'
import { requestRun, listRuns } from './store.ts'

/** Tests which days can be compared and when a day starts. */

async function arrived({ trial }: Books, { id = 'ch_1', at = NOON } = {}): Promise<void> {
  const attempt = await cardAttempt(trial)
  const money = { id, gross: kes(150_000n), at }
  await deliverEvent(trial, { attemptId: attempt.id }, received(money, referenceOf(attempt.id)))
}

const listRunResults = async ({ trial }: Books): Promise<unknown[][]> =>
  (await listRuns(trial.db, 10)).map(({ day, problem, matched, finishedAt }) => [
    ...[day, problem, matched, finishedAt !== null],
  ])

const openCases = async ({ trial }: Books) => (await trial.cases.list(trial.db, { state: 'open', limit: 10 })).items

test('a day beyond the reach of the provider’s list is not compared, so old money opens no case', async () => {
  await using books = await openBooks(undefined, { reachMs: 47 * HOUR_MS })
  await arrived(books)
  const { trial } = books
  books.pages = [[line('ch_1')]]
  await trial.pass(18 * HOUR_MS)
  await trial.pass()
  assert.deepEqual(await listRunResults(books), [[DAY, null, 1, true]])
  books.pages = []
  await trial.pass(24 * HOUR_MS)
  const { run } = openCli(books)
  await run('run', 'cards', '--day', DAY)
  await trial.pass(4 * HOUR_MS)
  const [, old] = await listRunResults(books)
  assert.deepEqual(old, [DAY, 'The provider’s list reaches 47 hours back, so it no longer has this day.', 1, true])
  assert.deepEqual(await openCases(books), [])
})

test('after a downtime the listed days are compared, and the others are reported', async () => {
  await using books = await openBooks(undefined, { reachMs: 47 * HOUR_MS })
  await arrived(books)
  const { trial } = books
  await trial.pass(66 * HOUR_MS)
  await trial.pass()
  assert.deepEqual(
    (await listRunResults(books)).map(([day, problem]) => [day, problem]),
    [
      ['2026-01-17', null],
      ['2026-01-16', 'The provider’s list reaches 47 hours back, so it no longer has this day.'],
      [DAY, 'The provider’s list reaches 47 hours back, so it no longer has this day.'],
    ],
  )
  assert.deepEqual(await openCases(books), [])
})

test('only past days of rails with a provider can be compared', async () => {
  await using books = await openBooks()
  await arrived(books)
  const { run } = openCli(books)
  const says = (text: RegExp) => (error: unknown) => error instanceof AppError && text.test(error.message)
  await assert.rejects(run('run', 'cards', '--day', DAY), says(/2026-01-15 has not ended: in UTC it is 2026-01-15/))
  await assert.rejects(run('run', 'card', '--day', '2026-01-14'), says(/"card" has no provider .* tap, cards\.$/))
  await assert.rejects(run('run', 'balance'), says(/"balance" has no provider/))
  assert.match(String(await run('run', 'cards')), /^cards of 2026-01-14 will be compared/)
})

test('a retried case of today is compared once the day has ended', async () => {
  await using books = await openBooks()
  await arrived(books)
  const { trial } = books
  await trial.db.transaction((tx) => requestRun(tx, 'cards', DAY, trial.clock.now()))
  await trial.pass()
  assert.deepEqual(await listRunResults(books), [[DAY, 'The day has not ended.', 0, false]])
  books.pages = [[line('ch_1')]]
  await trial.pass(16 * HOUR_MS)
  assert.deepEqual((await listRunResults(books))[0]?.slice(1), ['The day has not ended.', 0, false])
  await trial.pass(HOUR_MS)
  assert.deepEqual(await listRunResults(books), [[DAY, null, 1, true]])
})

test('a business day starts and ends at local midnight', async () => {
  await using books = await openBooks(undefined, { timeZone: 'Africa/Nairobi' })
  const { trial } = books
  // 01:00 local time on the sixteenth.
  const late = new Date('2026-01-15T22:00:00Z')
  await arrived(books)
  await arrived(books, { id: 'ch_2', at: late })
  books.pages = [[line('ch_1'), line('ch_2', { at: late })]]
  const lines = async () => (await listRuns(trial.db, 10)).map((run) => [run.day, run.lines, run.finishedAt !== null])
  await trial.pass(12 * HOUR_MS)
  assert.deepEqual(await lines(), [[DAY, 0, false]], 'planned at midnight')
  await trial.pass(2 * HOUR_MS)
  assert.deepEqual(await lines(), [[DAY, 1, true]])
  await trial.pass(24 * HOUR_MS)
  await trial.pass()
  assert.deepEqual((await lines())[0], ['2026-01-16', 1, true])
  assert.deepEqual(await openCases(books), [])
})
