import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventsOf } from './changes.ts'

const none = { partial: false, overpaid: false, late: false }

test('a change is told by the events that a merchant acts on', () => {
  assert.deepEqual(eventsOf('created', { flags: none }), ['payment.created'])
  assert.deepEqual(eventsOf('processing', { flags: none }), ['payment.processing'])
  assert.deepEqual(eventsOf('paid', { flags: none }), ['payment.paid'])
  for (const type of ['expired', 'canceled', 'failed', 'reversed'] as const)
    assert.deepEqual(eventsOf(type, { flags: { ...none, late: true } }), [`payment.${type}`])
})

test('too little and too much have events of their own', () => {
  assert.deepEqual(eventsOf('received', { flags: { ...none, partial: true } }), ['payment.partially_paid'])
  assert.deepEqual(eventsOf('open', { flags: { ...none, partial: true } }), ['payment.partially_paid'])
  assert.deepEqual(eventsOf('received', { flags: { ...none, overpaid: true } }), ['payment.overpaid'])
  assert.deepEqual(eventsOf('paid', { flags: { ...none, overpaid: true } }), ['payment.paid', 'payment.overpaid'])
})

test('a refusal that the payer may repeat is no news', () => {
  assert.deepEqual(eventsOf('attempt-failed', { flags: { ...none, partial: true } }), [])
  assert.deepEqual(eventsOf('open', { flags: none }), [])
})
