import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AppError } from '#platform/base/errors'
import { cardAttempt, kes, received, referenceOf, tell } from '../payments/fixture.ts'
import { type Books, DAY, HOUR_MS, line, NOON, openBooks, openCli } from './fixture.ts'
import { requestRun, listRuns } from './store.ts'

/** Which days can be compared, and where they begin. */

async function arrived({ trial }: Books, { id = 'ch_1', at = NOON } = {}): Promise<void> {
  const attempt = await cardAttempt(trial)
  const money = { id, gross: kes(150_000n), at }
  await tell(trial, { attemptId: attempt.id }, received(money, referenceOf(attempt.id)))
}

const told = async ({ trial }: Books): Promise<unknown[][]> =>
  (await listRuns(trial.db, 10)).map(({ day, problem, matched, finishedAt }) => [
    ...[day, problem, matched, finishedAt !== null],
  ])

const openCases = async ({ trial }: Books) => (await trial.cases.list(trial.db, { state: 'open', limit: 10 })).items

test('a day that the provider does not list any more is not compared: what is too old is not missing there', async () => {
  await using books = await openBooks(undefined, { reachMs: 47 * HOUR_MS })
  await arrived(books)
  const { trial } = books
  books.pages = [[line('ch_1')]]
  await trial.pass(18 * HOUR_MS)
  await trial.pass()
  assert.deepEqual(await told(books), [[DAY, null, 1, true]])
  books.pages = []
  await trial.pass(24 * HOUR_MS)
  const { run } = openCli(books)
  await run('run', 'cards', '--day', DAY)
  await trial.pass(4 * HOUR_MS)
  const [, old] = await told(books)
  assert.deepEqual(old, [DAY, 'The provider lists 47 hours back, not this day.', 1, true])
  assert.deepEqual(await openCases(books), [])
})

test('a program that was off compares the days that can still be listed, and says which cannot', async () => {
  await using books = await openBooks(undefined, { reachMs: 47 * HOUR_MS })
  await arrived(books)
  const { trial } = books
  await trial.pass(66 * HOUR_MS)
  await trial.pass()
  assert.deepEqual(
    (await told(books)).map(([day, problem]) => [day, problem]),
    [
      ['2026-01-17', null],
      ['2026-01-16', 'The provider lists 47 hours back, not this day.'],
      [DAY, 'The provider lists 47 hours back, not this day.'],
    ],
  )
  assert.deepEqual(await openCases(books), [])
})

test('only days that are over, of rails with a provider', async () => {
  await using books = await openBooks()
  await arrived(books)
  const { run } = openCli(books)
  const says = (text: RegExp) => (error: unknown) => error instanceof AppError && text.test(error.message)
  await assert.rejects(run('run', 'cards', '--day', DAY), says(/2026-01-15 is not over: in UTC it is 2026-01-15/))
  await assert.rejects(run('run', 'card', '--day', '2026-01-14'), says(/"card" has no provider .* tap, cards\.$/))
  await assert.rejects(run('run', 'balance'), says(/"balance" has no provider/))
  assert.match(String(await run('run', 'cards')), /^cards of 2026-01-14 will be compared/)
})

test('a case of a day that is not over is looked at again once it is', async () => {
  await using books = await openBooks()
  await arrived(books)
  const { trial } = books
  await trial.db.transaction((tx) => requestRun(tx, 'cards', DAY, trial.clock.now()))
  await trial.pass()
  assert.deepEqual(await told(books), [[DAY, 'The day is not over.', 0, false]])
  books.pages = [[line('ch_1')]]
  await trial.pass(16 * HOUR_MS)
  assert.deepEqual((await told(books))[0]?.slice(1), ['The day is not over.', 0, false])
  await trial.pass(HOUR_MS)
  assert.deepEqual(await told(books), [[DAY, null, 1, true]])
})

test('days are those of the business: they begin and end at its midnight', async () => {
  await using books = await openBooks(undefined, { timeZone: 'Africa/Nairobi' })
  const { trial } = books
  // One in the morning of the sixteenth.
  const late = new Date('2026-01-15T22:00:00Z')
  await arrived(books)
  await arrived(books, { id: 'ch_2', at: late })
  books.pages = [[line('ch_1'), line('ch_2', { at: late })]]
  const lines = async () => (await listRuns(trial.db, 10)).map((run) => [run.day, run.lines, run.finishedAt !== null])
  await trial.pass(12 * HOUR_MS)
  assert.deepEqual(await lines(), [[DAY, 0, false]], 'at midnight it is planned')
  await trial.pass(2 * HOUR_MS)
  assert.deepEqual(await lines(), [[DAY, 1, true]])
  await trial.pass(24 * HOUR_MS)
  await trial.pass()
  assert.deepEqual((await lines())[0], ['2026-01-16', 1, true])
  assert.deepEqual(await openCases(books), [])
})
