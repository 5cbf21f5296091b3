import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMs } from '#platform/base/clock'
import { AppError } from '#platform/base/errors'
import type { Case } from '#cases'
import { cardAttempt, kes, received, referenceOf, deliverEvent } from '../payments/fixture.ts'
import { type Books, HOUR_MS, line, openBooks, openCli, PHONE, pulled } from './fixture.ts'

const code = (wanted: string) => (error: unknown) => error instanceof AppError && error.code === wanted
const credit = ({ reconciliation }: Books, id: string, intentId: string, audits: string[] = []): Promise<Case> =>
  reconciliation.credit({ id, intentId, note: 'they showed the message' }, async () => {
    audits.push(id)
  })

async function strange(books: Books): Promise<string> {
  const [one] = await books.compare()
  assert.equal(one?.kind, 'missing-here')
  return one.id
}

test('a case is credited and audited once, also by concurrent calls, and its line matches afterwards', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  books.pages = [[pulled('SAF1')]]
  trial.push.onStart = () => ({ kind: 'failed', reason: 'canceled-by-payer' })
  const intent = await trial.create()
  await trial.start(intent.id, '254700111222')
  const id = await strange(books)
  const audits: string[] = []
  const all = await Promise.all([1, 2, 3, 4].map(() => credit(books, id, intent.id, audits)))
  for (const one of all) assert.deepEqual([one.state, one.intentId, one.merchantId], ['credited', intent.id, 'mer_1'])
  assert.deepEqual(audits, [id])
  const paid = await trial.find(intent.id)
  assert.deepEqual(
    paid.receipts.map(({ providerId, number, gross }) => [providerId, number, gross.amount]),
    [['SAF1', 'SAF1', 150_000n]],
  )
  assert.deepEqual(
    paid.attempts.map(({ status }) => status),
    ['failed', 'settled'],
  )
  assert.equal(await trial.available(), 150_000n)
  for (let times = 0; times < 2; times++) assert.deepEqual(await books.compare(), [])
  assert.equal(await trial.available(), 150_000n)
  await assert.rejects(credit(books, id, (await trial.create()).id), code('payments.case-over'))
  await trial.booksHold()
})

test('a later callback or charge event about the credited money counts nothing', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  books.pages = [[pulled('SAF1', { payerPhone: '254799999999' })]]
  const intent = await trial.create()
  await credit(books, await strange(books), intent.id)
  const other = await trial.create({ expiresAt: new Date('2027-01-01') })
  trial.push.onStart = () => ({ kind: 'unknown', why: 'the answer was lost' })
  const { id: attemptId } = await trial.start(other.id, PHONE)
  const outcome = received({ id: 'ws_CO_1', number: 'SAF1', gross: kes(150_000n) })
  await trial.callback(trial.push, trial.push.says({ about: { attemptId }, outcome, needsCheck: false }))
  await trial.pass()
  assert.equal((await trial.find(other.id)).received.amount, 0n)
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
})

test('money that was counted in the meantime is not counted again', async () => {
  await using books = await openBooks()
  const { trial } = books
  const late = await cardAttempt(trial, { expiresAt: new Date('2027-01-01') })
  books.pages = [[line('ch_1')]]
  const id = await strange(books)
  await deliverEvent(
    trial,
    { attemptId: late.id },
    received({ id: 'ch_1', gross: kes(150_000n) }, referenceOf(late.id)),
  )
  const intent = await trial.create()
  await assert.rejects(credit(books, id, intent.id), code('payments.case-counted'))
  assert.deepEqual((await trial.find(intent.id)).attempts, [], 'the failed credit leaves no attempt')
  assert.equal(await trial.available(), 150_000n)
  assert.deepEqual(await books.compare(), [], 'the comparison repairs the case')
})

test('a manual pay bill payment that an operator confirmed is not credited again', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  books.pages = [[pulled('SAF1')]]
  const intent = await trial.create({ methods: ['transfer'] })
  const asked = { intentId: intent.id, method: 'transfer', payer: {}, returnUrl: 'https://x.example' }
  const { id: attemptId } = await trial.payments.startAttempt(asked)
  const id = await strange(books)
  await trial.payments.transfers.confirm({ id: attemptId, number: 'saf1' }, async () => undefined)
  await assert.rejects(credit(books, id, (await trial.create()).id), code('payments.case-counted'))
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
})

test('only a missing-here case can be credited, to a payment in its currency', async () => {
  await using books = await openBooks()
  const { trial } = books
  const { id: attemptId, intentId } = await cardAttempt(trial)
  await deliverEvent(
    trial,
    { attemptId },
    received({ id: 'ch_1', gross: kes(150_000n), at: line('').at }, referenceOf(attemptId)),
  )
  const [missing] = await books.compare()
  assert.equal(missing?.kind, 'missing-there')
  await assert.rejects(credit(books, missing.id, intentId), code('payments.case-not-money'))
  books.pages = [[line('ch_1'), line('ch_2')]]
  const id = await strange(books)
  const dollars = await trial.create({ amount: { asset: 'USD/2', amount: 1500n } })
  await assert.rejects(credit(books, id, dollars.id), code('payments.case-other-currency'))
  await assert.rejects(credit(books, id, 'pay_x'), code('payments.not-found'))
  await assert.rejects(credit(books, 'rec_x', intentId), code('payments.no-such-case'))
})

test('purser reconcile credit prints the case, is audited, and is repeatable', async () => {
  await using books = await openBooks()
  const { trial } = books
  books.pages = [[line('ch_1', { number: 'N1' })]]
  const id = await strange(books)
  const intent = await trial.create()
  const { rows, recorded } = openCli(books)
  for (let times = 0; times < 2; times++) {
    const [row] = await rows('credit', id, '--payment', intent.id, '--note', 'the payer showed the message')
    assert.deepEqual([row?.['case'], row?.['state'], row?.['payment']], [id, 'credited', intent.id])
  }
  assert.equal(await trial.available(), 150_000n)
  assert.deepEqual(recorded, [`payments.case-credited ${id}`])
  assert.equal((await trial.find(intent.id)).receipts[0]?.number, 'N1')
})

const RETURN = { payer: {}, returnUrl: 'https://pay.example/x' }

test('a pay bill payment that an operator confirmed is not credited again to a prompt whose answer was lost', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  const intent = await trial.create({ methods: ['mpesa', 'transfer'] })
  trial.push.onStart = () => ({ kind: 'unknown', why: 'the answer was lost' })
  await trial.start(intent.id, PHONE)
  await trial.pass(4 * 60_000)
  const { id } = await trial.payments.startAttempt({ intentId: intent.id, method: 'transfer', ...RETURN })
  await trial.payments.transfers.confirm({ id, number: 'SAF1' }, async () => undefined)
  books.pages = [[pulled('SAF1', { at: trial.clock.now() })]]
  assert.deepEqual(await books.compare(), [], 'the line matches the manual transfer')
  assert.equal(await trial.available(), 150_000n)
  assert.equal((await trial.find(intent.id)).receipts.length, 1)
  await trial.booksHold()
})

test('confirming a transfer and crediting a case with one number at the same time counts the money once', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  const terms = { methods: ['mpesa', 'transfer'], expiresAt: addMs(trial.clock.now(), 60 * 24 * HOUR_MS) }
  for (let round = 1; round <= 3; round++) {
    const number = `SAF${round}`
    books.pages = [[pulled(number, { payerPhone: '254700111222' })]]
    const [intent, other] = [await trial.create(terms), await trial.create(terms)]
    const { id } = await trial.payments.startAttempt({ intentId: intent.id, method: 'transfer', ...RETURN })
    const one = (await books.compare()).find(({ subject }) => subject === number)
    assert.ok(one)
    const results = await Promise.allSettled([
      trial.payments.transfers.confirm({ id, number }, async () => undefined),
      books.reconciliation.credit({ id: one.id, intentId: other.id, note: 'found' }, async () => undefined),
    ])
    assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    assert.equal(await trial.available(), 150_000n * BigInt(round))
  }
  await trial.booksHold()
})

test('a case is repaired once an operator confirms its money as a manual transfer', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  const terms = { methods: ['transfer'], expiresAt: addMs(trial.clock.now(), 60 * 24 * HOUR_MS) }
  const { id } = await trial.payments.startAttempt({
    intentId: (await trial.create(terms)).id,
    method: 'transfer',
    ...RETURN,
  })
  books.pages = [[pulled('SAF1', { payerPhone: '254700111222' })]]
  assert.deepEqual(
    (await books.compare()).map(({ kind }) => kind),
    ['missing-here'],
  )
  await trial.payments.transfers.confirm({ id, number: 'SAF1' }, async () => undefined)
  assert.deepEqual(await books.compare(), [])
})

test('two lines of one phone and amount are not attributed, because the list does not state which one belongs to a prompt', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  const intent = await trial.create()
  await trial.start(intent.id, PHONE)
  trial.push.onCheck = ({ reference = '' }) =>
    received({ id: reference, gross: kes(150_000n), stated: false }, reference)
  await trial.pass(6000)
  books.pages = [[pulled('SAF2'), pulled('SAF1')]]
  const missing = (await books.compare()).filter(({ kind }) => kind === 'missing-here')
  assert.deepEqual(missing.map(({ subject }) => subject).toSorted(), ['SAF1', 'SAF2'])
  assert.equal((await trial.find(intent.id)).receipts[0]?.number, undefined)
  assert.equal(await trial.available(), 150_000n)
})
