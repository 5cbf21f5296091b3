import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startOfDay } from './clock.ts'

void test('a day begins at midnight of its place, also where clocks change and quarters of hours count', () => {
  for (const [at, zone, begins] of [
    ['2026-01-15T09:00:00Z', 'Africa/Nairobi', '2026-01-14T21:00:00.000Z'],
    ['2026-01-15T21:00:00Z', 'Africa/Nairobi', '2026-01-15T21:00:00.000Z'],
    ['2026-01-15T20:59:59.999Z', 'Africa/Nairobi', '2026-01-14T21:00:00.000Z'],
    ['2026-01-15T09:00:00Z', 'UTC', '2026-01-15T00:00:00.000Z'],
    ['2026-03-29T12:00:00Z', 'Europe/Berlin', '2026-03-28T23:00:00.000Z'],
    ['2026-03-30T12:00:00Z', 'Europe/Berlin', '2026-03-29T22:00:00.000Z'],
    ['2026-11-01T12:00:00Z', 'America/New_York', '2026-11-01T04:00:00.000Z'],
    ['2026-01-15T09:00:00Z', 'Asia/Kathmandu', '2026-01-14T18:15:00.000Z'],
  ] as const)
    assert.equal(startOfDay(new Date(at), zone).toISOString(), begins, `${at} ${zone}`)
})
