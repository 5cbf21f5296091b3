import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatTable, jsonText } from './table.ts'

void test('a table is as wide as its cells if they fit, and otherwise wraps its last column', () => {
  const rows = [
    { name: 'KEY', doc: 'Key of the provider that the operator has from the portal.' },
    { name: 'PASSWORD', doc: 'Its password.' },
  ]
  assert.equal(formatTable(rows, 80).split('\n').length, 3)
  assert.deepEqual(formatTable(rows, 36).split('\n'), [
    'name      doc',
    'KEY       Key of the provider that',
    '          the operator has from the',
    '          portal.',
    'PASSWORD  Its password.',
  ])
  // Without enough width the lines stay unwrapped: a terminal wraps them, a script parses them.
  assert.equal(formatTable(rows, 20).split('\n').length, 3)
  assert.equal(formatTable([], 80), 'None.')
})

void test('cells and JSON render bigints as digits', () => {
  const rows = [{ amount: 12n, none: undefined, part: { amount: 3n } }]
  assert.deepEqual(formatTable(rows, 80).split('\n'), ['amount  none  part', '12            {"amount":"3"}'])
  assert.equal(jsonText({ amount: 12n }), '{"amount":"12"}')
})
