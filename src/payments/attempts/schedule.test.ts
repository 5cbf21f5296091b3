import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttemptRow } from '../store/attempts.ts'
import { ABANDON_LOST_MS, giveUp, nextCheckAt, SILENCE_GRACE_MS } from './schedule.ts'

const at = (ms: number): Date => new Date(1_700_000_000_000 + ms)
const pace = { checkAfterMs: [5000, 10_000, 30_000], lifetimeMs: 120_000 }
type Watched = Parameters<typeof nextCheckAt>[0]
const attempt = (more: Partial<AttemptRow> = {}): Watched => ({
  state: 'pending',
  kind: 'push',
  reference: 'ref',
  checks: 0,
  submittedAt: at(0),
  createdAt: at(-100),
  unconfirmed: false,
  ...more,
})
const next = (more: Partial<AttemptRow>, nowMs: number): number | undefined => {
  const due = nextCheckAt(attempt(more), pace, at(nowMs))
  return due ? due.getTime() - at(0).getTime() : undefined
}

void test('the rail defines the check intervals, and the last one repeats', () => {
  assert.equal(next({}, 0), 5000)
  assert.equal(next({ checks: 1 }, 5000), 15_000)
  assert.equal(next({ checks: 2 }, 15_000), 45_000)
  assert.equal(next({ checks: 99 }, 45_000), 75_000)
})

void test('the next check is never later than a deadline that decides something', () => {
  assert.equal(next({ checks: 2 }, 100_000), pace.lifetimeMs)
  assert.equal(next({ checks: 2 }, 130_000), 160_000)
  assert.equal(next({ checks: 2 }, pace.lifetimeMs + SILENCE_GRACE_MS - 1), pace.lifetimeMs + SILENCE_GRACE_MS)
  assert.equal(next({ checks: 2, state: 'unknown', reference: null }, 170_000), ABANDON_LOST_MS)
})

void test('an ended attempt is not checked; an abandoned one ever less often, for two more days', () => {
  assert.equal(next({ state: 'settled' }, 0), undefined)
  assert.equal(next({ state: 'failed' }, 0), undefined)
  const lost = { state: 'abandoned', reference: null } as const
  for (const abandoned of [{ state: 'abandoned' } as const, lost]) {
    assert.equal(next(abandoned, ABANDON_LOST_MS), 2 * ABANDON_LOST_MS)
    assert.equal(next(abandoned, 10 * 3_600_000), 11 * 3_600_000)
    assert.equal(next(abandoned, pace.lifetimeMs + 48 * 3_600_000), undefined)
  }
})

void test('an attempt is given up when its time and grace have ended', () => {
  const ends = (
    more: Partial<AttemptRow>,
    answer: Parameters<typeof giveUp>[1],
    nowMs: number,
  ): ReturnType<typeof giveUp> => giveUp(attempt(more), answer, pace, at(nowMs))
  const lost = { state: 'unknown', reference: null } as const
  assert.equal(ends(lost, 'unknown', ABANDON_LOST_MS - 1), undefined)
  assert.equal(ends(lost, 'unknown', ABANDON_LOST_MS), 'abandon')
  assert.equal(ends(lost, 'error', ABANDON_LOST_MS), undefined, 'the provider did not answer')
  assert.equal(ends({}, 'pending', pace.lifetimeMs - 1), undefined)
  assert.equal(ends({}, 'pending', pace.lifetimeMs), 'abandon')
  assert.equal(ends({ kind: 'page' }, 'pending', pace.lifetimeMs), 'abandon')
  assert.equal(ends({ kind: 'transfer' }, 'pending', pace.lifetimeMs), 'expire')
  for (const answer of ['unknown', 'error'] as const) {
    assert.equal(ends({}, answer, pace.lifetimeMs), undefined)
    assert.equal(ends({}, answer, pace.lifetimeMs + SILENCE_GRACE_MS), 'abandon')
    assert.equal(ends({ kind: 'page' }, answer, pace.lifetimeMs + SILENCE_GRACE_MS), 'abandon')
  }
  assert.equal(ends({ unconfirmed: true }, 'pending', pace.lifetimeMs), undefined, 'an unconfirmed deposit exists')
  for (const state of ['created', 'submitting', 'settled', 'failed', 'abandoned'] as const) {
    assert.equal(ends({ state }, 'pending', pace.lifetimeMs), undefined, state)
  }
})
