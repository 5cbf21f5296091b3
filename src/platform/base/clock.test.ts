import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addDays, dateOf, startOfDate, startOfDay } from './clock.ts'

void test('a day starts at local midnight, also with daylight saving time and offsets of quarter hours', () => {
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

void test('a date is the local date, also far ahead of UTC, and addDays follows the calendar', () => {
  const at = new Date('2026-01-15T21:30:00Z')
  assert.deepEqual(
    ['UTC', 'Africa/Nairobi', 'America/New_York', 'Pacific/Kiritimati'].map((zone) => dateOf(at, zone)),
    ['2026-01-15', '2026-01-16', '2026-01-15', '2026-01-16'],
  )
  for (const zone of ['UTC', 'Africa/Nairobi', 'Pacific/Kiritimati', 'Pacific/Niue', 'Europe/Berlin'])
    for (const date of ['2026-01-15', '2026-03-29', '2026-10-25'])
      assert.equal(dateOf(startOfDate(date, zone), zone), date, zone)
  assert.deepEqual([addDays('2026-02-28', 1), addDays('2026-03-01', -1)], ['2026-03-01', '2026-02-28'])
})
