import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '../../../test/database.ts'
import type { Attempt } from '../attempts/types.ts'
import { codeOf, kes, newIntent, openTrial, received, referenceOf, schemas, type Trial } from '../fixture.ts'
import type { Intent } from '../intents/types.ts'
import { parseCode } from './transfer.ts'
import type { Confirmation, ManualTransfer } from './types.ts'

const DAY_MS = 24 * 3_600_000

interface Begun {
  readonly intent: Intent
  readonly attempt: Attempt
}

async function begin(trial: Trial, amount = 150_000n): Promise<Begun> {
  const intent = await trial.create({ amount: kes(amount), methods: ['transfer', 'mpesa'] })
  return { intent, attempt: await choose(trial, intent.id) }
}

const choose = (trial: Trial, intentId: string): Promise<Attempt> =>
  trial.payments.startAttempt({ intentId, method: 'transfer', payer: {}, returnUrl: 'https://x.example' })

const noted: string[] = []
const confirm = (trial: Trial, { id }: Attempt, input: Partial<Confirmation> = {}): Promise<ManualTransfer> =>
  trial.payments.transfers.confirm({ id, number: 'FT1', ...input }, async (_, transfer) => void noted.push(transfer.id))
const reject = (trial: Trial, { id }: Attempt): Promise<ManualTransfer> =>
  trial.payments.transfers.reject({ id, note: 'not on the statement' }, async () => undefined)

void test('the payer declares a transfer, an operator confirms it once, and each number counts once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { intent, attempt } = await begin(trial)
  assert.deepEqual([attempt.status, attempt.address], ['pending', 'Example Bank\nAccount 1'])
  assert.match(attempt.code ?? '', /^[0-9A-Z]{5}-[0-9A-Z]{5}$/)
  assert.equal((await choose(trial, intent.id)).id, attempt.id, 'a repeat returns the same attempt')
  assert.equal((await trial.find(intent.id)).status, 'open')

  await trial.payments.transfers.declareSent({ intentId: intent.id, note: 'from Mama Mboga' })
  await trial.payments.transfers.declareSent({ intentId: intent.id, note: 'again' })
  const waiting = await trial.payments.transfers.list(trial.db, { limit: 10 })
  assert.deepEqual(
    waiting.items.map(({ id, note, code }) => [id, note, code]),
    [[attempt.id, 'from Mama Mboga', attempt.code]],
  )
  assert.equal((await trial.find(intent.id)).status, 'processing')
  assert.equal(await codeOf(trial.start(intent.id)), 'payments.attempt-in-flight', 'no second payment starts')

  await trial.pass(5 * DAY_MS)
  assert.equal((await trial.find(intent.id)).status, 'processing', 'it waits for the operator without a time limit')
  const health = await trial.payments.health?.[0]?.check()
  assert.deepEqual([health?.status, health?.detail?.['transfersWaiting']], ['degraded', 1])
  noted.length = 0
  const done = await confirm(trial, attempt, { number: ' ft 1' })
  assert.equal(done.status, 'settled')
  await confirm(trial, attempt)
  assert.deepEqual(noted, [attempt.id], 'a repeat changes nothing')
  const paid = await trial.find(intent.id)
  assert.deepEqual([paid.status, paid.flags.late, paid.receipts[0]?.number], ['paid', false, 'FT1'])
  await trial.pass(3 * DAY_MS)
  const { items: cases } = await trial.cases.list(trial.db, { limit: 10 })
  assert.deepEqual(cases, [], 'no provider statement exists to compare with')
  assert.equal(await trial.available(), 150_000n)
  assert.deepEqual((await trial.payments.transfers.list(trial.db, { limit: 10 })).items, [])

  const second = await begin(trial)
  assert.equal(await codeOf(confirm(trial, second.attempt)), 'payments.number-used')
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
})

void test('a partial transfer pays a part; the rest needs another code or an explicit additional confirmation', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { intent, attempt } = await begin(trial)
  await confirm(trial, attempt, { amount: kes(100_000n) })
  const partial = await trial.find(intent.id)
  assert.deepEqual([partial.status, partial.flags.partial], ['open', true])
  assert.equal(await codeOf(confirm(trial, attempt, { amount: kes(90_000n) })), 'payments.transfer-confirmed')
  assert.equal(await codeOf(confirm(trial, attempt, { number: 'FT2' })), 'payments.transfer-confirmed')
  const rest = await choose(trial, intent.id)
  assert.notEqual(rest.code, attempt.code)
  assert.deepEqual(rest.amount, kes(50_000n))
  await confirm(trial, attempt, { number: 'FT2', amount: kes(20_000n), another: true })
  await confirm(trial, rest, { number: 'FT3', amount: kes(30_000n) })
  assert.deepEqual([(await trial.find(intent.id)).status, await trial.available()], ['paid', 150_000n])
  await trial.booksHold()
})

void test('two concurrent confirmations credit a transfer once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { attempt } = await begin(trial)
  const codes = await Promise.all(
    Array.from({ length: 8 }, (_, i) => codeOf(confirm(trial, attempt, { number: `FT${i}` }))),
  )
  assert.equal(codes.filter((code) => code === 'no error').length, 1)
  assert.ok(
    codes.every((code) => code === 'no error' || code === 'payments.transfer-confirmed'),
    codes.join(),
  )
  assert.equal(await trial.available(), 150_000n)
})

void test('a rejected transfer can be tried again, and late money is still credited', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { intent, attempt } = await begin(trial)
  await trial.payments.transfers.declareSent({ intentId: intent.id })
  const rejected = await reject(trial, attempt)
  assert.equal(rejected.status, 'failed')
  await reject(trial, attempt)
  const open = await trial.find(intent.id)
  assert.deepEqual([open.status, open.attempts[0]?.reason], ['open', 'not-received'])
  assert.equal(
    await codeOf(trial.payments.transfers.declareSent({ intentId: intent.id })),
    'no error',
    'declared before',
  )
  const again = await choose(trial, intent.id)
  assert.notEqual(again.id, attempt.id)
  await confirm(trial, attempt)
  assert.equal((await trial.find(intent.id)).status, 'paid')
  assert.equal(await codeOf(reject(trial, attempt)), 'payments.transfer-not-open')
  await trial.booksHold()
})

void test('an undeclared transfer ends on time; its money is still credited, as late', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { intent, attempt } = await begin(trial)
  const begun = await trial.find(intent.id)
  assert.deepEqual(begun.expiresAt, attempt.endsAt, 'the payment lasts as long as the instructions')
  assert.equal(begun.expiresAt.getTime() - trial.clock.now().getTime(), 7 * DAY_MS)
  await trial.pass(7 * DAY_MS - 1000)
  assert.equal((await trial.find(intent.id)).status, 'open')
  await trial.pass(1000)
  const after7Days = await trial.find(intent.id)
  const [ended] = after7Days.attempts
  assert.deepEqual([after7Days.status, ended?.status, ended?.reason], ['expired', 'failed', 'expired'])
  assert.equal(
    await codeOf(trial.payments.transfers.declareSent({ intentId: intent.id })),
    'payments.transfer-not-open',
  )
  await confirm(trial, attempt)
  const after = await trial.find(intent.id)
  assert.deepEqual([after.status, after.flags.late, await trial.available()], ['paid', true, 150_000n])
  await trial.booksHold()
})

void test('an idempotent repeat of the creation returns the original expiry', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const idempotency = { key: 'k', hash: 'h' }
  const input = { ...newIntent(trial.clock, { methods: ['transfer'] }), idempotency }
  const { intent: created } = await trial.payments.create(trial.db, input)
  await choose(trial, created.id)
  assert.notDeepEqual((await trial.find(created.id)).expiresAt, created.expiresAt)
  const { intent: repeated, replayed } = await trial.payments.create(trial.db, input)
  assert.deepEqual([replayed, repeated.expiresAt], [true, created.expiresAt])
})

void test('a payment code stays the same until it ends', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { intent, attempt } = await begin(trial)
  await trial.pass(6 * DAY_MS)
  assert.equal((await choose(trial, intent.id)).code, attempt.code)
})

void test('a number that reconciliation credited cannot be confirmed as a transfer, too', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const paid = await trial.create()
  trial.push.onStart = ({ attemptId }) => received({ id: referenceOf(attemptId), number: 'SAF1', gross: kes(150_000n) })
  await trial.start(paid.id)
  const { attempt } = await begin(trial)
  assert.equal(await codeOf(confirm(trial, attempt, { number: 'SAF1' })), 'payments.number-used')
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
})

void test('a transfer is found by its code in any spelling, by its id and by its payment', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { intent, attempt } = await begin(trial)
  const { transfers } = trial.payments
  const code = attempt.code ?? ''
  for (const name of [code, code.toLowerCase().replace('-', ' '), attempt.id, intent.id])
    assert.equal((await transfers.require(trial.db, name)).id, attempt.id, name)
  for (const name of ['', 'x', 'AAAAA-BBBBB', "' or 1=1", 'pay_01kd3vq7m2e8wtzr4c9x5bnh6f'])
    assert.equal(await codeOf(transfers.require(trial.db, name)), 'payments.no-such-transfer', name)
  assert.equal(parseCode('x2m4p7k3q9'), 'X2M4P-7K3Q9')
  for (const number of ['', 'F', 'FT\u0000', 'x'.repeat(61)])
    assert.equal(await codeOf(confirm(trial, attempt, { number })), 'payments.bad-number', number)
})

void test('the list is paged, oldest declaration first', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const ids: string[] = []
  for (let i = 0; i < 5; i++) {
    const { intent, attempt } = await begin(trial)
    await trial.payments.transfers.declareSent({ intentId: intent.id })
    trial.clock.advance(1000)
    ids.push(attempt.id)
  }
  const seen: string[] = []
  let cursor: string | undefined
  do {
    const page = await trial.payments.transfers.list(trial.db, { limit: 2, cursor })
    seen.push(...page.items.map(({ id }) => id))
    cursor = page.nextCursor
  } while (cursor !== undefined)
  assert.deepEqual(seen, ids)
  assert.equal(await codeOf(trial.payments.transfers.list(trial.db, { limit: 2, cursor: 'x' })), 'payments.bad-cursor')
})
