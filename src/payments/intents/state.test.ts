import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CollectKind } from '#rails/contract'
import { ATTEMPT_STATES, type AttemptEvent, type AttemptState } from '../attempts/types.ts'
import {
  axesOf,
  flagsOf,
  type IntentFacts,
  isLate,
  isLive,
  isEnded,
  nextState,
  PAGE_GRACE_MS,
  statusOf,
} from './state.ts'
import { INTENT_STATUSES } from './types.ts'
import fc from 'fast-check'

const at = (ms: number): Date => new Date(1_700_000_000_000 + ms)
const open: IntentFacts = {
  amount: 1000n,
  tolerance: 0n,
  received: 0n,
  reversed: 0n,
  late: false,
  canceled: false,
  wasExpired: false,
  wasPaid: false,
  wasReversed: false,
  expiresAt: at(1000),
  now: at(0),
  attempts: 0,
  maxAttempts: 10,
  livePush: 0,
  livePage: 0,
  live: 0,
  unconfirmed: false,
}

void test('each status follows from its facts', () => {
  const cases: [Partial<IntentFacts>, string][] = [
    [{}, 'open'],
    [{ received: 400n }, 'open'],
    [{ attempts: 3 }, 'open'],
    [{ attempts: 1, livePage: 1 }, 'open'],
    [{ attempts: 1, livePush: 1 }, 'processing'],
    [{ unconfirmed: true }, 'processing'],
    [{ received: 1000n }, 'paid'],
    [{ received: 1001n }, 'paid'],
    [{ received: 1000n, canceled: true, late: true }, 'paid'],
    [{ received: 1000n, wasExpired: true, late: true }, 'paid'],
    [{ received: 1000n, reversed: 1000n }, 'paid'],
    [{ reversed: 1000n }, 'reversed'],
    [{ received: 999n, reversed: 1n, wasPaid: true }, 'paid'],
    [{ received: 1n, reversed: 999n, wasPaid: true }, 'paid'],
    [{ received: 0n, reversed: 1000n, wasPaid: true }, 'reversed'],
    [{ received: 999n, wasPaid: true }, 'open'],
    [{ received: 600n, reversed: 400n }, 'open'],
    [{ received: 100n, reversed: 1000n, wasReversed: true }, 'reversed'],
    [{ received: 1000n, reversed: 1000n, wasReversed: true }, 'paid'],
    [{ reversed: 1000n, canceled: true }, 'reversed'],
    [{ canceled: true }, 'canceled'],
    [{ canceled: true, now: at(2000) }, 'canceled'],
    [{ canceled: true, received: 400n, late: true }, 'canceled'],
    [{ attempts: 10 }, 'failed'],
    [{ attempts: 10, live: 1, livePage: 1 }, 'open'],
    [{ attempts: 10, live: 1 }, 'open'],
    [{ attempts: 10, livePush: 1 }, 'processing'],
    [{ now: at(999) }, 'open'],
    [{ now: at(1000) }, 'expired'],
    [{ now: at(1000), livePush: 1 }, 'processing'],
    [{ now: at(1000), livePage: 1 }, 'open'],
    [{ now: at(1000 + PAGE_GRACE_MS), livePage: 1 }, 'expired'],
    [{ now: at(1000), received: 400n }, 'expired'],
    [{ wasExpired: true }, 'expired'],
    [{ wasExpired: true, attempts: 10 }, 'expired'],
    [{ now: at(2000), attempts: 10 }, 'failed'],
    [{ wasExpired: true, received: 400n, late: true }, 'expired'],
  ]
  for (const [facts, status] of cases)
    assert.equal(statusOf({ ...open, ...facts }), status, JSON.stringify(facts, text))
})

const text = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value)

void test('the axes do not overwrite each other', () => {
  assert.deepEqual(axesOf({ ...open, wasExpired: true, received: 1200n, late: true }), {
    money: 'over',
    finality: 'confirmed',
    time: 'late',
  })
  assert.deepEqual(flagsOf({ status: 'open', amount: 1000n, received: 1200n, reversed: 0n, late: true }), {
    partial: false,
    overpaid: true,
    late: true,
  })
  assert.deepEqual(flagsOf({ status: 'open', amount: 1000n, received: 1n, reversed: 999n, late: false }).partial, false)
  assert.deepEqual(flagsOf({ status: 'open', amount: 1000n, received: 1n, reversed: 0n, late: false }), {
    partial: true,
    overpaid: false,
    late: false,
  })
  assert.deepEqual(flagsOf({ status: 'open', amount: 1000n, received: 0n, reversed: 0n, late: false }), {
    partial: false,
    overpaid: false,
    late: false,
  })
})

void test('paid always means that the money arrived and some of it remains, and the other way round', () => {
  const facts = fc.record({
    amount: fc.bigInt(1n, 2000n),
    received: fc.bigInt(0n, 4000n),
    reversed: fc.bigInt(0n, 4000n),
    late: fc.boolean(),
    canceled: fc.boolean(),
    wasExpired: fc.boolean(),
    wasPaid: fc.boolean(),
    wasReversed: fc.boolean(),
    now: fc.integer({ min: -5000, max: 5_000_000 }).map(at),
    attempts: fc.nat(12),
    livePush: fc.nat(1),
    livePage: fc.nat(2),
    others: fc.nat(1),
    unconfirmed: fc.boolean(),
  })
  fc.assert(
    fc.property(facts, ({ others, ...some }) => {
      const all = { ...open, ...some, live: some.livePush + some.livePage + others }
      const status = statusOf(all)
      assert.ok(INTENT_STATUSES.includes(status))
      const remains = all.wasPaid && all.received > 0n && all.received + all.reversed >= all.amount
      assert.equal(status === 'paid', all.received >= all.amount || remains)
      if (all.livePush > 0) assert.notEqual(status, 'expired')
      if (status === 'failed') assert.ok(all.attempts >= all.maxAttempts && all.live === 0)
    }),
  )
})

void test('isEnded is true for exactly the statuses that allow no new attempt', () => {
  assert.deepEqual(
    INTENT_STATUSES.filter((status) => !isEnded(status)),
    ['open', 'processing'],
  )
})

void test('money is late once the payer saw that the payment had ended', () => {
  const expiresAt = at(1000)
  const late = (status: (typeof INTENT_STATUSES)[number], attempt: AttemptState, now: Date): boolean =>
    isLate({ status, expiresAt, firstExpiresAt: null }, { state: attempt, kind: 'push' }, now)
  assert.equal(late('processing', 'pending', at(0)), false)
  assert.equal(late('processing', 'pending', at(5000)), false, 'started before the end')
  assert.equal(late('open', 'submitting', at(5000)), false, 'a callback before the answer')
  assert.equal(late('open', 'abandoned', at(0)), false)
  assert.equal(late('open', 'abandoned', at(5000)), true, 'although the expiry job has not run yet')
  assert.equal(late('open', 'failed', at(5000)), true)
  assert.equal(late('expired', 'pending', at(5000)), true)
  assert.equal(late('canceled', 'pending', at(0)), true)
  assert.equal(late('failed', 'failed', at(0)), true)
  assert.equal(late('reversed', 'settled', at(5000)), false, 'a won dispute returns money that was in time')
  assert.equal(late('paid', 'settled', at(5000)), false, 'a second payment is overpaid, not late')
})

void test('after the original end of a payment that a transfer extended, only the transfer is in time', () => {
  const extended = { status: 'open', firstExpiresAt: at(1000), expiresAt: at(9000) } as const
  const late = (kind: CollectKind, attempt: AttemptState, now: Date): boolean =>
    isLate(extended, { state: attempt, kind }, now)
  assert.equal(late('address', 'pending', at(500)), false)
  assert.equal(late('address', 'pending', at(5000)), true)
  assert.equal(late('push', 'abandoned', at(5000)), true)
  assert.equal(late('push', 'pending', at(5000)), false, 'started before the original end')
  assert.equal(late('transfer', 'failed', at(5000)), false)
  assert.equal(late('transfer', 'failed', at(9500)), true)
})

/** Rows: state. Columns: event. `-`: refused. Written in full, so that a change of a rule is a change of this table. */
const EVENTS = ['claim', 'pending', 'unknown', 'received', 'reversed', 'failed', 'interrupted', 'abandon'] as const
const TABLE: Record<AttemptState, readonly (AttemptState | '-')[]> = {
  created: ['submitting', 'created', 'created', 'settled', 'created', 'failed', 'created', 'created'],
  submitting: ['-', 'pending', 'unknown', 'settled', 'submitting', 'failed', 'unknown', 'submitting'],
  pending: ['-', 'pending', 'pending', 'settled', 'pending', 'failed', 'pending', 'abandoned'],
  unknown: ['-', 'pending', 'unknown', 'settled', 'unknown', 'failed', 'unknown', 'abandoned'],
  settled: ['-', 'settled', 'settled', 'settled', 'settled', 'settled', 'settled', 'settled'],
  failed: ['-', 'failed', 'failed', 'settled', 'failed', 'failed', 'failed', 'failed'],
  abandoned: ['-', 'abandoned', 'abandoned', 'settled', 'abandoned', 'failed', 'abandoned', 'abandoned'],
}

void test('the complete transition table of attempt states', () => {
  for (const state of ATTEMPT_STATES) {
    const row = EVENTS.map((event: AttemptEvent) => nextState(state, event) ?? '-')
    assert.deepEqual(row, TABLE[state], state)
  }
})

void test('no event history submits twice, loses money or revives an ended attempt', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 30 }), (events) => {
      let state: AttemptState = 'created'
      let submissions = 0
      let received = false
      for (const event of events) {
        const next: AttemptState | undefined = nextState(state, event)
        if (event === 'claim' && next) submissions++
        received ||= event === 'received'
        if (next && !isLive(state)) assert.ok(!isLive(next), `${state} → ${next}`)
        state = next ?? state
      }
      assert.ok(submissions <= 1)
      if (received) assert.equal(state, 'settled')
    }),
  )
})
