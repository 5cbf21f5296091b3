import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assetOf, money } from '#money'
import { addMs } from '#platform/base/clock'
import { sql } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import type { Outcome } from '#rails/contract'
import type { Case } from '#cases'
import { cardAttempt, kes, received, referenceOf, deliverEvent, type Trial } from '../payments/fixture.ts'
import { DAY, HOUR_MS, line, NOON, openBooks, openCli, PHONE, pulled } from './fixture.ts'
import { listRuns } from './store.ts'

/** Creates a card payment of KES 1,500 and delivers its receipt. */
async function arrived(trial: Trial, id: string): Promise<{ id: string; intentId: string }> {
  const attempt = await cardAttempt(trial)
  await deliverEvent(
    trial,
    { attemptId: attempt.id },
    received({ id, gross: kes(150_000n), at: NOON }, referenceOf(attempt.id)),
  )
  return attempt
}

const kinds = (cases: readonly Case[]): string[] => cases.map(({ kind, subject }) => `${kind} ${subject}`).toSorted()

test('matching books on all pages open no case', async () => {
  await using books = await openBooks()
  const { trial } = books
  for (const id of ['ch_1', 'ch_2', 'ch_3']) await arrived(trial, id)
  books.pages = [[line('ch_1'), line('ch_2')], [line('ch_3')]]
  assert.deepEqual(await books.compare(), [])
  const [run] = await listRuns(trial.db, 1)
  assert.deepEqual([run?.lines, run?.matched, run?.repaired, run?.cases], [3, 3, 0, 0])
  await trial.booksHold()
})

test('each difference is one case with both amounts, however often the day is compared', async () => {
  await using books = await openBooks()
  const { trial } = books
  const { intentId } = await arrived(trial, 'ch_amount')
  for (const id of ['ch_currency', 'ch_return', 'ch_gone']) await arrived(trial, id)
  const usd = money(assetOf('USD'), 150_000n)
  books.pages = [
    [line('ch_amount', { gross: kes(140_000n) }), line('ch_currency', { gross: usd }), line('ch_stranger')],
    [line('ch_return', { returned: kes(1000n) }), line('ch_early', { at: addMs(NOON, -13 * HOUR_MS) })],
  ]
  const expected = [
    'amount-differs ch_amount',
    'currency-differs ch_currency',
    'missing-here ch_stranger',
    'return-differs ch_return',
  ]
  const before = await trial.available()
  for (let times = 0; times < 2; times++) {
    const cases = await books.compare()
    const [gone] = cases.filter(({ kind }) => kind === 'missing-there')
    assert.deepEqual(kinds(cases.filter((one) => one !== gone)), expected)
    assert.match(gone?.subject ?? '', /^rcp_/)
    const amount = cases.find(({ kind }) => kind === 'amount-differs')
    assert.deepEqual([amount?.ours, amount?.theirs, amount?.intentId], [kes(150_000n), kes(140_000n), intentId])
    assert.equal(amount?.merchantId, 'mer_1')
    assert.match(amount.suggested, /which amount is right/)
  }
  assert.equal(await trial.available(), before, 'nothing is posted for a difference')
  await trial.booksHold()
})

test('money that undid a reversal is not expected in the provider’s list', async () => {
  await using books = await openBooks()
  const { trial } = books
  const { id } = await arrived(trial, 'ch_1')
  const dispute = { kind: 'reversed', receiptId: 'ch_1', amount: kes(50_000n), reason: 'disputed' } as const
  await deliverEvent(trial, { receiptId: 'ch_1' }, { ...dispute, reversalId: 'dp_1' })
  const won = received({ id: 'dp_1:won', gross: kes(50_000n), at: NOON, returns: 'dp_1' })
  await deliverEvent(trial, { attemptId: id }, won)
  books.pages = [[line('ch_1')]]
  assert.deepEqual(await books.compare(), [])
  await trial.booksHold()
})

test('a case is repaired once nothing differs, and opens again with a new difference', async () => {
  await using books = await openBooks()
  const { trial } = books
  await arrived(trial, 'ch_1')
  assert.equal((await books.compare())[0]?.kind, 'missing-there')
  books.pages = [[line('ch_1', { gross: kes(1n) })]]
  assert.deepEqual(kinds(await books.compare()), ['amount-differs ch_1'])
  books.pages = [[line('ch_1')]]
  assert.deepEqual(await books.compare(), [])
  books.pages = [[line('ch_1', { gross: kes(1n) })]]
  assert.deepEqual(kinds(await books.compare()), ['amount-differs ch_1'])
})

test('unreported money of an attempt is credited once, after the provider confirms it', async () => {
  await using books = await openBooks()
  const { trial } = books
  const attempt = await cardAttempt(trial)
  books.pages = [[line('ch_1', { attemptId: attempt.id })]]
  // The list alone is not enough: the provider's query does not confirm the money.
  assert.deepEqual(kinds(await books.compare()), ['missing-here ch_1'])
  assert.equal(await trial.available(), 0n)
  trial.page.onCheck = () => received({ id: 'ch_1', gross: kes(150_000n), at: NOON }, referenceOf(attempt.id))
  for (let times = 0; times < 2; times++) {
    assert.deepEqual(await books.compare(), [])
    assert.equal((await trial.find(attempt.intentId)).status, 'paid')
    assert.equal(await trial.available(), 150_000n)
  }
  await trial.booksHold()
})

test('a line with the payer’s phone settles a prompt with a lost answer, and a later callback counts nothing', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  trial.push.onStart = () => ({ kind: 'unknown', why: 'the answer was lost' })
  const intent = await trial.create()
  const { id } = await trial.start(intent.id, PHONE)
  books.pages = [[pulled('SAF1')]]
  assert.deepEqual(await books.compare(), [])
  const paid = await trial.find(intent.id)
  assert.deepEqual([paid.status, paid.receipts[0]?.number], ['paid', 'SAF1'])
  const late = received({ id: 'ws_CO_1', number: 'SAF1', gross: kes(150_000n) })
  await trial.callback(trial.push, trial.push.says({ about: { attemptId: id }, outcome: late, needsCheck: false }))
  await trial.pass()
  const unnamed = received({ id: 'ws_CO_1', gross: kes(150_000n), stated: false })
  await trial.callback(trial.push, trial.push.says({ about: { attemptId: id }, outcome: unnamed, needsCheck: false }))
  await trial.pass()
  assert.equal((await trial.find(intent.id)).receipts.length, 1)
  assert.equal(await trial.available(), 150_000n)
  await trial.booksHold()
})

test('a receipt without a number gets it from the line with the payer’s phone', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  const intent = await trial.create()
  trial.push.onCheck = ({ reference = '' }) =>
    received({ id: reference, gross: kes(150_000n), stated: false, at: NOON }, reference)
  await trial.start(intent.id, PHONE)
  await trial.pass(5000)
  books.pages = [[pulled('SAF1')]]
  assert.deepEqual(await books.compare(), [])
  const { receipts } = await trial.find(intent.id)
  assert.deepEqual([receipts.length, receipts[0]?.number], [1, 'SAF1'])
  await trial.booksHold()
})

test('a line is not matched to one of two equal prompts, another amount or time, or a declined prompt', async () => {
  await using books = await openBooks(({ push }) => push)
  const { trial } = books
  trial.push.onStart = () => ({ kind: 'unknown', why: 'the answer was lost' })
  for (let i = 0; i < 2; i++) await trial.start((await trial.create()).id, PHONE)
  await trial.start((await trial.create({ amount: kes(70_000n) })).id, PHONE)
  trial.push.onStart = () => ({ kind: 'failed', reason: 'canceled-by-payer' })
  await trial.start((await trial.create({ amount: kes(80_000n) })).id, PHONE)
  books.pages = [
    [
      pulled('ALIKE'),
      pulled('AMOUNT', { gross: kes(70_100n) }),
      pulled('LATER', { gross: kes(70_000n), at: addMs(NOON, 6 * HOUR_MS) }),
      pulled('REFUSED', { gross: kes(80_000n) }),
      pulled('NOBODY', { gross: kes(70_000n), payerPhone: '254799999999' }),
    ],
  ]
  const cases = await books.compare()
  const subjects = ['ALIKE', 'AMOUNT', 'LATER', 'NOBODY', 'REFUSED']
  assert.deepEqual(
    kinds(cases.filter(({ kind }) => kind === 'missing-here')),
    subjects.map((id) => `missing-here ${id}`),
  )
  assert.equal(await trial.available(), 0n)
})

test('a stuck attempt is queried: the provider’s answer ends it, otherwise a case opens', async () => {
  await using books = await openBooks()
  const { trial } = books
  const open = { expiresAt: addMs(trial.clock.now(), 96 * HOUR_MS) }
  const known = await cardAttempt(trial, open)
  const unknown = await cardAttempt(trial, open)
  trial.page.onCheck = ({ reference = '' }) => ({ kind: 'unknown', why: 'no answer', reference })
  // State that an internal error would leave: due, and never checked.
  await trial.db.run(sql`update payments.attempts set due_at = '2027-01-01'`)
  await trial.pass(2 * HOUR_MS)
  trial.page.onCheck = ({ attemptId, reference = '' }) =>
    attemptId === known.id
      ? received({ id: 'ch_1', gross: kes(150_000n), at: NOON }, reference)
      : { kind: 'unknown', why: 'no answer', reference }
  books.pages = [[line('ch_1')]]
  assert.deepEqual(kinds(await books.compare()), [`pending-for-ever ${unknown.id}`])
  assert.equal((await trial.find(known.intentId)).status, 'paid')
  trial.page.onCheck = () => ({ kind: 'failed', reason: 'declined' })
  assert.deepEqual(await books.compare(), [])
})

test('without a list each attempt of the day is queried: silence opens no case, and abandoned money is found', async () => {
  await using books = await openBooks()
  const { trial } = books
  Object.assign(trial.page.rail.statement ?? {}, { unavailable: () => 'not applied for' })
  const agreed = await arrived(trial, 'ch_agreed')
  const silent = await arrived(trial, 'ch_silent')
  const other = await arrived(trial, 'ch_other')
  const never = await arrived(trial, 'ch_never')
  const lost = await cardAttempt(trial)
  await trial.db.run(sql`update payments.attempts set state = 'abandoned', due_at = null where id = ${lost.id}`)
  const says = (id: string, amount: bigint, attemptId: string): Outcome =>
    received({ id, gross: kes(amount), at: NOON }, referenceOf(attemptId))
  const answers: Record<string, Outcome> = {
    [agreed.id]: says('ch_agreed', 150_000n, agreed.id),
    [silent.id]: { kind: 'unknown', why: 'no answer' },
    [other.id]: says('ch_other', 140_000n, other.id),
    [never.id]: { kind: 'failed', reason: 'declined' },
    [lost.id]: says('ch_lost', 150_000n, lost.id),
  }
  trial.page.onCheck = ({ attemptId }) => answers[attemptId] ?? { kind: 'unknown', why: 'who?' }
  for (let times = 0; times < 2; times++) {
    const cases = await books.compare()
    assert.deepEqual(cases.map(({ kind, intentId }) => `${kind} ${intentId ?? ''}`).toSorted(), [
      `amount-differs ${other.intentId}`,
      `missing-there ${never.intentId}`,
    ])
    assert.equal((await trial.find(lost.intentId)).status, 'paid')
    assert.equal(await trial.available(), 5n * 150_000n)
    const [run] = (await listRuns(trial.db, 10)).filter(({ rail, day }) => rail === 'cards' && day === DAY)
    assert.deepEqual([run?.lines, run?.matched], [3, 2])
  }
  await trial.booksHold()
})

test('methods without a provider are not compared, so a transfer may take days', async () => {
  await using books = await openBooks()
  const { trial } = books
  const intent = await trial.create({ methods: ['transfer'], expiresAt: addMs(trial.clock.now(), 200 * HOUR_MS) })
  const asked = { merchantId: 'mer_1', payer: {}, returnUrl: 'https://x.example' }
  await trial.payments.startAttempt({ intentId: intent.id, method: 'transfer', ...asked })
  for (let i = 0; i < 3; i++) await trial.pass(24 * HOUR_MS)
  assert.deepEqual((await trial.cases.list(trial.db, { limit: 10 })).items, [])
  assert.deepEqual(
    (await listRuns(trial.db, 10)).filter(({ rail }) => rail !== 'cards'),
    [],
  )
})

test('a failed comparison is retried later, and the day finishes only after a success', async () => {
  await using books = await openBooks()
  const { trial } = books
  await arrived(trial, 'ch_1')
  let asked = 0
  Object.assign(trial.page.rail.statement ?? {}, {
    list: () => Promise.reject(new Error(`no answer ${++asked}`)),
  })
  await trial.pass(18 * HOUR_MS)
  await trial.pass()
  const run = async () => (await listRuns(trial.db, 10)).find((one) => one.rail === 'cards' && one.day === DAY)
  assert.deepEqual([(await run())?.problem, (await run())?.finishedAt], ['no answer 1', null])
  assert.deepEqual((await trial.cases.list(trial.db, { limit: 10 })).items, [], 'no answer opens no case')
  await trial.pass(9 * 60_000)
  assert.equal(asked, 1)
  await trial.pass(2 * 60_000)
  assert.equal(asked, 2)
  Object.assign(trial.page.rail.statement ?? {}, {
    list: () => Promise.resolve({ lines: [line('ch_1')], cursor: undefined }),
  })
  await trial.pass(30 * 60_000)
  assert.equal((await run())?.matched, 1)
})

test('each past day is compared once automatically, from the first day that the rail was used', async () => {
  await using books = await openBooks()
  const { trial } = books
  await arrived(trial, 'ch_1')
  books.pages = [[line('ch_1')]]
  await trial.pass(17 * HOUR_MS)
  await trial.pass(HOUR_MS)
  await trial.pass(HOUR_MS)
  const runs = (await listRuns(trial.db, 10)).map(({ rail, day, matched, finishedAt }) => [
    rail,
    day,
    matched,
    finishedAt !== null,
  ])
  assert.deepEqual(runs, [['cards', DAY, 1, true]])
})

test('purser reconcile requests a day, lists cases and closes them with an audited note', async () => {
  await using books = await openBooks()
  const { trial } = books
  await arrived(trial, 'ch_1')
  const { run, rows, recorded } = openCli(books)
  await trial.pass(24 * HOUR_MS)
  await run('run', 'cards', '--day', DAY)
  await trial.pass()
  assert.equal((await rows('days'))[0]?.['cases'], 1)
  const [first] = await rows('cases')
  const id = String(first?.['case'])
  assert.deepEqual([first?.['kind'], first?.['ours']], ['missing-there', 'KES 1500.00'])
  await run('resolve', id, '--note', 'asked them', '--action', 'retry')
  await trial.pass()
  assert.equal((await rows('cases')).length, 1, 'the difference remains')
  await run('resolve', id, '--note', 'they found it')
  assert.equal(await run('cases'), 'No case is open.')
  assert.equal((await rows('cases', '--all'))[0]?.['state'], 'closed')
  assert.deepEqual(recorded, [
    `payments.reconciliation-asked cards ${DAY}`,
    `payments.case-retried ${id}`,
    `payments.case-closed ${id}`,
  ])
  const code = (wanted: string) => (error: unknown) => error instanceof AppError && error.code === wanted
  await assert.rejects(run('resolve', id, '--note', 'again'), code('payments.case-over'))
  await assert.rejects(run('resolve', 'rec_x', '--note', 'again'), code('payments.no-such-case'))
  await assert.rejects(run('run', 'cards', '--day', '2026-02-30'), code('validation-failed'))
  await assert.rejects(run('resolve', id, '--note', 'x', '--action', 'credit'), code('validation-failed'))
  books.pages = []
  assert.deepEqual(await books.compare(), [], 'a closed case stays closed')
})
