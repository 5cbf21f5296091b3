import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import { openTestDatabase } from '../../../test/database.ts'
import { waitFor } from '../../../test/wait.ts'
import { kes, openTrial, received, schemas } from '../fixture.ts'
import { createFollow } from './followers.ts'
import { loadIntent } from './intents.ts'

void test('a follower yields at once and after each commit of this process, and ends with its signal', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  const stop = new AbortController()
  const seen: string[] = []
  const done = (async () => {
    for await (const { status } of trial.payments.follow(intent.id, stop.signal)) seen.push(status)
  })()
  await waitFor('the first', () => seen.length === 1)
  await trial.start(intent.id)
  await waitFor('the prompt', () => seen.at(-1) === 'processing')
  trial.push.onCheck = ({ reference }) => received({ id: reference ?? '', gross: kes(150_000n) })
  await trial.pass(5000)
  await waitFor('paid', () => seen.at(-1) === 'paid')
  stop.abort()
  await done
  assert.deepEqual([seen[0], seen.at(-1)], ['open', 'paid'])
})

void test('one query finds the changes of other processes for all followers', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const [one, two] = [await trial.create(), await trial.create()]
  let queries = 0
  const counting = {
    ...trial.db,
    many: (...args: Parameters<typeof trial.db.many>) => (queries++, trial.db.many(...args)),
  }
  const errors: unknown[] = []
  const follow = createFollow({
    db: counting as typeof trial.db,
    load: (id) => loadIntent(trial.db, id),
    onError: (error) => errors.push(error),
    most: 3,
    everyMs: 20,
  })
  const stop = new AbortController()
  const seen: string[] = []
  const watch = async (id: string): Promise<void> => {
    for await (const { version } of follow.follow(id, stop.signal)) seen.push(`${id} ${version}`)
  }
  const done = [watch(one.id), watch(one.id), watch(two.id)]
  await waitFor('all', () => seen.length === 3)
  await assert.rejects(
    watch(two.id),
    (error) => error instanceof AppError && error.code === 'payments.too-many-followers',
    'bounded',
  )
  const before = queries
  await trial.db.run(sql`update payments.intents set version = 2 where id = ${one.id}`)
  await waitFor('both followers of it', () => seen.filter((line) => line === `${one.id} 2`).length === 2)
  assert.ok(queries > before)
  stop.abort()
  await Promise.all(done)
  assert.equal(follow.size, 0)
  assert.deepEqual(errors, [])
})

void test('following an unknown intent fails', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const missing = trial.payments.follow('pay_01kd3v00000000000000000000', new AbortController().signal)
  await assert.rejects(
    (async () => {
      for await (const intent of missing) assert.fail(intent.id)
    })(),
    (error) => error instanceof AppError && error.status === 404,
  )
})

void test('a poll that hangs does not stop the later ones', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const intent = await trial.create()
  let polls = 0
  const hanging = {
    ...trial.db,
    many: (...args: Parameters<typeof trial.db.many>) =>
      polls++ === 0 ? new Promise<never>(() => undefined) : trial.db.many(...args),
  }
  const errors: unknown[] = []
  const follow = createFollow({
    db: hanging as typeof trial.db,
    load: (id) => loadIntent(trial.db, id),
    onError: (error) => errors.push(error),
    everyMs: 20,
    limitMs: 50,
  })
  const stop = new AbortController()
  const seen: string[] = []
  const done = (async () => {
    for await (const { status } of follow.follow(intent.id, stop.signal)) seen.push(status)
  })()
  await waitFor('the first poll to be abandoned', () => errors.length === 1)
  await trial.start(intent.id)
  await waitFor('the change', () => seen.includes('processing'))
  stop.abort()
  await done
})
