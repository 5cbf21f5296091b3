import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assetOf, money } from '#money'
import { sql } from '#platform/database/db'
import { openTestDatabase, tamper } from '../../../test/database.ts'
import { cardAttempt, KES, kes, MERCHANT, openTrial, received, referenceOf, schemas, deliverEvent } from '../fixture.ts'

const USD = assetOf('USD')

void test('the merchant gets the gross amount, the fee is a transfer of its own, and clearing equals the provider’s holding', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n), fee: kes(4500n) }))
  assert.equal((await trial.find(intentId)).status, 'paid')
  assert.equal(await trial.available(), 150_000n)
  const of = async (code: string): Promise<bigint> => (await trial.ledger.balance(trial.db, code, KES)).posted
  assert.equal(await of('rail:cards:main:clearing'), -145_500n)
  assert.equal(await of('rail:cards:main:fees'), -4500n)
  const { entries } = await trial.ledger.statement(trial.db, { code: `merchant:${MERCHANT}:available`, asset: KES })
  assert.equal(entries.length, 1)
  await trial.booksHold()
})

void test('a fee that the provider reports later is polled and booked once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  const charge = { id: 'ch_1', gross: kes(150_000n) }
  trial.page.onCheck = () => received({ ...charge, feeLater: true })
  await trial.pass(5000)
  assert.equal((await trial.find(intentId)).status, 'paid')
  const fees = async (): Promise<bigint> => (await trial.ledger.balance(trial.db, 'rail:cards:main:fees', KES)).posted
  trial.page.onCheck = () => Promise.reject(new Error('down'))
  await trial.pass(60_000)
  trial.page.onCheck = () => ({ kind: 'unknown', why: 'down' })
  await trial.pass(60_000)
  assert.equal(await fees(), 0n)
  trial.page.onCheck = () => received({ ...charge, fee: kes(4500n) })
  await trial.pass(120_000)
  assert.equal(await fees(), -4500n)
  const asked = trial.page.checked.length
  await deliverEvent(trial, { attemptId: id }, received({ ...charge, fee: kes(9900n) }))
  await trial.pass(12 * 3_600_000)
  assert.equal(await fees(), -4500n)
  assert.equal(trial.page.checked.length, asked, 'no further query')
  await trial.booksHold()
})

void test('polling for a fee that never arrives stops', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  await cardAttempt(trial)
  trial.page.onCheck = () => received({ id: 'ch_1', gross: kes(150_000n), feeLater: true })
  for (let hour = 0; hour < 8 * 24; hour++) await trial.pass(3_600_000)
  const asked = trial.page.checked.length
  assert.ok(asked > 20 && asked < 60, `asked ${asked} times`)
  await trial.pass(48 * 3_600_000)
  assert.equal(trial.page.checked.length, asked)
  await trial.booksHold()
})

void test('an overpayment credits every receipt once', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  const both = { ...received({ id: 'ch_1', gross: kes(150_000n) }) }
  await deliverEvent(
    trial,
    { attemptId: id },
    { ...both, receipts: [...both.receipts, ...received({ id: 'ch_2', gross: kes(70_000n) }).receipts] },
  )
  const over = await trial.find(intentId)
  assert.equal(over.status, 'paid')
  assert.deepEqual(over.flags, { partial: false, overpaid: true, late: false })
  assert.equal(over.receipts.length, 2)
  assert.equal(await trial.available(), 220_000n)
  await trial.booksHold()
})

void test('late money after expiry or cancellation is credited and flagged', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const expired = await cardAttempt(trial, { expiresAt: new Date(trial.clock.now().getTime() + 60_000) })
  const inTime = await cardAttempt(trial, { expiresAt: new Date(trial.clock.now().getTime() + 60_000) })
  await trial.pass(5 * 60_000)
  await deliverEvent(trial, { attemptId: inTime.id }, received({ id: 'ch_0', gross: kes(150_000n) }))
  assert.equal(
    (await trial.find(inTime.intentId)).flags.late,
    false,
    'started before the end, and not yet shown as ended',
  )
  await trial.pass(10 * 60_000)
  assert.equal((await trial.find(expired.intentId)).status, 'expired')
  await deliverEvent(trial, { attemptId: expired.id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  const late = await trial.find(expired.intentId)
  assert.deepEqual([late.status, late.flags.late, late.receipts[0]?.late], ['paid', true, true])

  const canceled = await cardAttempt(trial)
  await trial.payments.cancel({ id: canceled.intentId, merchantId: MERCHANT })
  await deliverEvent(trial, { attemptId: canceled.id }, received({ id: 'ch_2', gross: kes(50_000n) }))
  const partly = await trial.find(canceled.intentId)
  assert.deepEqual([partly.status, partly.flags], ['canceled', { partial: true, overpaid: false, late: true }])
  assert.equal(await trial.available(), 350_000n)
  await trial.booksHold()
})

void test('a page is closed when the payment is canceled, expired or paid another way, even after a crash', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const canceled = await cardAttempt(trial)
  await trial.payments.cancel({ id: canceled.intentId, merchantId: MERCHANT })
  assert.equal(trial.page.closed.length, 0, 'the queue closes it after the commit')
  await trial.pass()
  const paid = await cardAttempt(trial)
  const prompt = await trial.start(paid.intentId)
  trial.push.onCheck = () => received({ id: referenceOf(prompt.id), gross: kes(150_000n) })
  await trial.pass(5000)
  await trial.pass()
  const expired = await cardAttempt(trial, { expiresAt: new Date(trial.clock.now().getTime() + 60_000) })
  await trial.pass(15 * 60_000)
  await trial.pass()
  assert.deepEqual(
    trial.page.closed.map(({ attemptId }) => attemptId),
    [canceled.id, paid.id, expired.id],
  )
  const statuses = await Promise.all([canceled, paid, expired].map(({ intentId }) => trial.find(intentId)))
  assert.deepEqual(
    statuses.map(({ status, attempts: [page] }) => [status, page?.status]),
    [
      ['canceled', 'failed'],
      ['paid', 'failed'],
      ['expired', 'failed'],
    ],
  )
  await trial.booksHold()
})

void test('money on a failed attempt still counts', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, { kind: 'failed', reason: 'declined' })
  assert.equal((await trial.find(intentId)).attempts[0]?.status, 'failed')
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  const paid = await trial.find(intentId)
  assert.deepEqual([paid.status, paid.attempts[0]?.status, paid.attempts[0]?.reason], ['paid', 'settled', undefined])
  await deliverEvent(trial, { attemptId: id }, { kind: 'failed', reason: 'declined' })
  assert.equal((await trial.find(intentId)).status, 'paid', 'money wins')
  await trial.booksHold()
})

void test('money that is not final shows as processing and is posted once it is final', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'out_1', gross: kes(150_000n), final: false }))
  assert.equal((await trial.find(intentId)).status, 'processing')
  assert.equal(await trial.available(), 0n)
  await assert.rejects(trial.start(intentId), { code: 'payments.attempt-in-flight' }, 'another attempt would pay twice')
  await deliverEvent(trial, { attemptId: id }, received({ id: 'out_1', gross: kes(150_000n) }))
  assert.equal((await trial.find(intentId)).status, 'paid')
  await trial.booksHold()
})

void test('money in another asset is credited to the merchant in that asset, not counted, and logged', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: money(USD, 1000n) }))
  const intent = await trial.find(intentId)
  assert.deepEqual([intent.status, intent.received], ['open', kes(0n)])
  assert.equal((await trial.ledger.balance(trial.db, `merchant:${MERCHANT}:available`, USD)).posted, 1000n)
  assert.ok(
    trial.log.entries.some(({ message }) => message === 'money arrived in another asset: credited, not counted'),
  )
  await trial.booksHold()
})

void test('a larger amount stated later is credited too', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n), stated: false }))
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(151_000n) }))
  assert.deepEqual((await trial.find(intentId)).received, kes(151_000n))
  await trial.booksHold()
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(152_000n) }))
  assert.deepEqual((await trial.find(intentId)).received, kes(151_000n), 'two stated amounts need an operator')
  const { note } = await trial.db.one<{ note: string }>(sql`select note from inbox.events where state = 'parked'`)
  assert.equal(note, 'amount-conflict')
  await trial.booksHold()
})

void test('the same money with another id, or the number of another receipt, counts nothing', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const { id, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1', gross: kes(150_000n), number: 'AB12' }))
  await deliverEvent(trial, { attemptId: id }, received({ id: 'ch_1b', gross: kes(150_000n), number: 'AB12' }))
  const other = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId: other.id }, received({ id: 'ch_1', gross: kes(150_000n) }))
  await deliverEvent(trial, { attemptId: other.id }, received({ id: 'ch_2', gross: kes(150_000n), number: 'AB12' }))
  assert.equal((await trial.find(intentId)).receipts.length, 1)
  assert.deepEqual((await trial.find(other.intentId)).receipts, [])
  assert.equal((await trial.find(other.intentId)).attempts[0]?.status, 'pending')
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
})

void test('neither the program’s role nor the owner can change or delete receipts', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const attempt = await trial.start((await trial.create()).id)
  trial.push.onCheck = () => received({ id: referenceOf(attempt.id), gross: kes(150_000n), number: 'AB12' })
  await trial.pass(5000)
  const forbidden = [
    sql`update payments.receipts set gross = 1`,
    sql`delete from payments.receipts`,
    sql`truncate payments.receipts cascade`,
    sql`delete from payments.receipt_entries`,
    sql`update payments.receipt_entries set amount = 1`,
    sql`delete from payments.receipt_states`,
    sql`truncate payments.receipt_states`,
    sql`delete from payments.intents`,
  ]
  for (const statement of forbidden) await assert.rejects(trial.db.run(statement), /permission denied/, statement.text)
  for (const statement of forbidden.slice(0, -1)) {
    await assert.rejects(database.owner.run(statement), /written once|keeps a row/, statement.text)
  }
  await assert.rejects(trial.db.run(sql`update payments.receipt_states set number = 'CD34'`), /cannot be changed/)
  await assert.rejects(
    trial.db.run(sql`update payments.receipt_states set reversed = counted + 1`),
    /receipt_states_check/,
  )
  await trial.booksHold()
})

void test('the invariants report broken books', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const attempt = await trial.start((await trial.create()).id)
  trial.push.onCheck = () => received({ id: referenceOf(attempt.id), gross: kes(150_000n) })
  await trial.pass(5000)
  const broken = async (statement: Parameters<typeof trial.db.run>[0]): Promise<string[]> => {
    await tamper(database, statement)
    const found = await Promise.all((trial.payments.invariants ?? []).map(({ check }) => check(trial.db)))
    return found.flat()
  }
  assert.match((await broken(sql`update payments.intents set received = 1`)).join(), /says 1 received/)
  assert.match(
    (await broken(sql`update payments.attempts set state = 'failed'`)).join(),
    /not settled and has a receipt/,
  )
  assert.match((await broken(sql`update payments.receipt_states set counted = 150001`)).join(), /counts 150001/)
  const entry = sql`insert into payments.receipt_entries select 'rce_x', receipt_id, rail, rail_account, 'raise', asset, 1, null, null, transfers,
    created_at from payments.receipt_entries`
  assert.match((await broken(entry)).join(), /the provider holds 1500\.01/)
})
