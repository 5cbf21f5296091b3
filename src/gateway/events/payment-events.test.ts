import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventsOf } from './payment-events.ts'

const none = { partial: false, overpaid: false }

test('a change publishes the events that a merchant acts on', () => {
  assert.deepEqual(eventsOf({ type: 'created', ...none }), ['payment.created'])
  assert.deepEqual(eventsOf({ type: 'processing', ...none }), ['payment.processing'])
  assert.deepEqual(eventsOf({ type: 'paid', ...none }), ['payment.paid'])
  for (const type of ['expired', 'canceled', 'failed', 'reversed'] as const)
    assert.deepEqual(eventsOf({ type, ...none }), [`payment.${type}`])
})

test('underpayment and overpayment have separate events', () => {
  assert.deepEqual(eventsOf({ type: 'received', ...none, partial: true }), ['payment.partially_paid'])
  assert.deepEqual(eventsOf({ type: 'open', ...none, partial: true }), ['payment.partially_paid'])
  assert.deepEqual(eventsOf({ type: 'received', ...none, overpaid: true }), ['payment.overpaid'])
  assert.deepEqual(eventsOf({ type: 'paid', ...none, overpaid: true }), ['payment.paid', 'payment.overpaid'])
})

test('a failed attempt that the payer may repeat publishes no event', () => {
  assert.deepEqual(eventsOf({ type: 'attempt-failed', ...none, partial: true }), [])
  assert.deepEqual(eventsOf({ type: 'open', ...none }), [])
})
