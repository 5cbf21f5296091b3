import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMs } from '#platform/base/clock'
import { sql } from '#platform/database/db'
import { openTestDatabase } from '../../../test/database.ts'
import { cardAttempt, KES, kes, MERCHANT, openTrial, received, schemas, deliverEvent, type Trial } from '../fixture.ts'
import type { Refund } from './types.ts'

interface Link {
  readonly id: string
  readonly intentId: string
  readonly secret: string
}

/** Creates a refund of KES 1,500 by a link. */
async function link(trial: Trial): Promise<Link> {
  const { id: attemptId, intentId } = await cardAttempt(trial)
  await deliverEvent(trial, { attemptId }, received({ id: `ch_${attemptId}`, gross: kes(150_000n) }))
  const { refund } = await trial.payments.refunds.create({ intentId, merchantId: MERCHANT, way: 'claim' })
  return { id: refund.id, intentId, secret: refund.claim?.secret.reveal() ?? assert.fail('no secret') }
}

const claim = (trial: Trial, { id, secret }: Link, to = '254700000001', place = 'tap'): Promise<Refund> =>
  trial.payments.refunds.claim({ id, secret, place, to })

void test('a link accepts one destination; a second claim returns the pending refund', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const one = await link(trial)
  const seen = await trial.payments.refunds.findClaim(trial.db, one)
  assert.deepEqual(
    seen?.places.map(({ place, kind }) => `${place} ${kind}`),
    ['tap phone', 'hand words'],
  )
  trial.push.refunds.onSend = () => ({ kind: 'pending', reference: 'b2c_1' })
  const all = await Promise.all(['254700000001', '254711111111', '254722222222'].map((to) => claim(trial, one, to)))
  assert.ok(all.every(({ status }) => status === 'pending'))
  assert.equal(trial.push.refunds.sent.length, 1)
  trial.push.refunds.onCheck = () => ({ kind: 'succeeded', reference: 'b2c_1', number: 'SXYZ' })
  await trial.pass(5000)
  const done = await trial.payments.refunds.findClaim(trial.db, one)
  assert.deepEqual([done?.refund.status, done?.refund.number], ['succeeded', 'SXYZ'])
  const { status, refunded } = await trial.find(one.intentId)
  assert.deepEqual([status, refunded.amount], ['reversed', 150_000n])
  // The money arrived by card and left by phone, so each clearing account has its own balance.
  const clearing = (rail: string): Promise<bigint> =>
    trial.ledger.balance(trial.db, `rail:${rail}:main:clearing`, KES).then(({ posted }) => posted)
  assert.deepEqual([await clearing('cards'), await clearing('tap')], [-150_000n, 150_000n])
  await trial.booksHold()
})

void test('a wrong secret finds no refund, and the database does not contain the secret', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const one = await link(trial)
  const other = await link(trial)
  for (const secret of ['', 'x', other.secret, one.secret.slice(1), one.secret.toUpperCase()]) {
    assert.equal(await trial.payments.refunds.findClaim(trial.db, { ...one, secret }), undefined)
    await assert.rejects(claim(trial, { ...one, secret }), /no such refund/)
  }
  await assert.rejects(claim(trial, one, 'nonsense'), /phone number/)
  await assert.rejects(claim(trial, one, 'x', 'cards'), /cannot go there/)
  const kept = await trial.db.many(sql`select row_to_json(r)::text as text from payments.refunds r`)
  assert.ok(!JSON.stringify(kept).includes(one.secret))
  assert.equal(trial.push.refunds.sent.length, 0)
})

void test('a failed sending keeps the link valid for another destination, with a new sending id', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const one = await link(trial)
  trial.push.refunds.onSend = () => ({ kind: 'failed', reason: 'invalid-phone', why: 'no such phone' })
  const failed = await claim(trial, one)
  assert.deepEqual([failed.status, failed.reason, failed.phone], ['claimable', 'invalid-phone', undefined])
  assert.equal(
    (await trial.ledger.balance(trial.db, `merchant:${MERCHANT}:available`, KES)).available,
    0n,
    'still held',
  )
  await trial.booksHold()
  trial.push.refunds.onSend = ({ sendingId }) => ({ kind: 'succeeded', reference: sendingId })
  assert.equal((await claim(trial, one, '254711111111')).status, 'succeeded')
  assert.deepEqual(
    trial.push.refunds.sent.map(({ sendingId }) => sendingId),
    [`${one.id}-1`, `${one.id}-2`],
  )
  await trial.booksHold()
})

/** Returns what health reports on refunds that wait for an operator. */
async function healthOf({ payments }: Trial): Promise<readonly unknown[]> {
  const [check] = payments.health ?? []
  const { status, detail } = (await check?.check()) ?? {}
  return [status, detail?.['refundsWaiting'], detail?.['refundsWaitingSince']]
}

void test('a manual refund waits for the operator, who resolves it', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const one = await link(trial)
  assert.equal((await claim(trial, one, 'Equity Bank 0123, Jane', 'hand')).status, 'pending')
  const waiting = await trial.payments.refunds.listWaiting(trial.db)
  assert.deepEqual(
    waiting.map(({ refund, destination }) => [refund.id, destination]),
    [[one.id, 'Equity Bank 0123, Jane']],
  )
  assert.deepEqual(await healthOf(trial), ['healthy', 1, undefined])
  await trial.pass(86_400_000)
  assert.deepEqual(await healthOf(trial), ['healthy', 1, undefined])
  const claimedAt = addMs(trial.clock.now(), -86_400_000).toISOString()
  await trial.pass(1000)
  assert.deepEqual(await healthOf(trial), ['degraded', 1, claimedAt], 'a payer waits longer than a day')
  const back = await trial.payments.refunds.resolve({ id: one.id, sent: undefined, why: 'account closed' })
  assert.equal(back.status, 'claimable')
  await claim(trial, one, 'KCB 77, Jane', 'hand')
  const done = await trial.payments.refunds.resolve({ id: one.id, sent: { number: 'FT26015' }, why: '' })
  assert.deepEqual([done.status, done.number, done.rail], ['succeeded', 'FT26015', 'hand'])
  assert.deepEqual(await healthOf(trial), ['healthy', 0, undefined])
  await assert.rejects(trial.payments.refunds.resolve({ id: one.id, sent: {}, why: '' }), /succeeded/)
  assert.deepEqual(await trial.payments.refunds.listWaiting(trial.db), [])
  await trial.booksHold()
})

void test('a refund without an answer for an hour waits for an operator, too', async () => {
  await using database = await openTestDatabase(schemas)
  await using trial = await openTrial(database)
  const one = await link(trial)
  trial.push.refunds.onSend = () => ({ kind: 'unknown', why: 'cut' })
  await claim(trial, one)
  assert.deepEqual(await trial.payments.refunds.listWaiting(trial.db), [])
  await trial.pass(3_700_000)
  assert.equal((await trial.payments.refunds.listWaiting(trial.db)).length, 1)
  assert.equal(trial.push.refunds.sent.length, 1, 'never sent again')
  await trial.payments.refunds.resolve({ id: one.id, sent: undefined, why: 'not in the statement' })
  assert.equal((await trial.payments.refunds.find(trial.db, { id: one.id }))?.status, 'claimable')
  await trial.booksHold()
})
