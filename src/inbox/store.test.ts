import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addMs, systemClock } from '#platform/base/clock'
import { openTestDatabase } from '../../test/database.ts'
import { inboxSchema } from './inbox.ts'
import { claimEvents, insertEvents, type NewEvent } from './store.ts'

const now = systemClock.now()
const event = (eventKey: string, raw: Buffer, tokenSubject: string | null = null): NewEvent => ({
  ...{ rail: 'mpesa', eventKey, raw, tokenSubject },
  ...{ receivedAt: now, retryUntil: addMs(now, 60_000) },
})

void test('a batch stores each event once, byte for byte, and returns which are new', async () => {
  await using t = await openTestDatabase([inboxSchema])
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  assert.deepEqual(await insertEvents(t.db, [event('alone', Buffer.from('{"a":1}'))]), [true])
  const together = [
    event('alone', Buffer.from('another')),
    event('bytes', bytes, 'att_1'),
    event('quotes', Buffer.from('{"a":"\\"\\\\ NULL, \'x\' {}"}')),
    event('bytes', Buffer.from('a repeat')),
    event('NULL', Buffer.alloc(0)),
  ]
  assert.deepEqual(await insertEvents(t.db, together), [false, true, true, false, true])
  const stored = await claimEvents(t.db, 10, now, 'one')
  const shown = stored.map(({ eventKey, raw, tokenSubject }) => [eventKey, raw.toString('latin1'), tokenSubject])
  assert.deepEqual(
    shown.toSorted(([a], [b]) => String(a).localeCompare(String(b))),
    [
      ['alone', '{"a":1}', null],
      ['bytes', bytes.toString('latin1'), 'att_1'],
      ['NULL', '', null],
      ['quotes', '{"a":"\\"\\\\ NULL, \'x\' {}"}', null],
    ],
  )
  assert.ok(stored.every(({ receivedAt, retryUntil }) => retryUntil.getTime() - receivedAt.getTime() === 60_000))
})
