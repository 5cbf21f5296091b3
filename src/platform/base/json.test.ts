import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isDecimal, parseExactJson } from './json.ts'

void test('numbers keep their source text; other values parse like JSON', () => {
  const text = '{"a":67187.335800000000000001,"b":[9.1e-7,-0,1E400],"c":"1","d":null,"e":true,"__proto__":{"f":0.10}}'
  const parsed = parseExactJson(text) as Record<string, unknown>
  assert.deepEqual(Object.entries(parsed), [
    ['a', '67187.335800000000000001'],
    ['b', ['9.1e-7', '-0', '1E400']],
    ['c', '1'],
    ['d', null],
    ['e', true],
    ['__proto__', { f: '0.10' }],
  ])
  assert.throws(() => parseExactJson('{"a":1'), SyntaxError)
})

void test('any decimal is parsed without losing a digit', () => {
  const digits = fc.stringMatching(/^[1-9]\d{0,25}$/)
  fc.assert(
    fc.property(digits, digits, (whole, decimals) => {
      const number = `${whole}.${decimals}`
      assert.deepEqual(parseExactJson(`[${number}]`), [number])
      assert.ok(isDecimal(number))
    }),
  )
})

void test('a decimal is above zero and has a bounded length', () => {
  for (const text of ['1', '0.1', '9.1e-7', '1E+3', '0001.50']) assert.ok(isDecimal(text), text)
  for (const text of [
    '0',
    '0.0',
    '0e5',
    '-1',
    '+1',
    '.5',
    '1.',
    '1e',
    '1e999',
    ' 1',
    'NaN',
    'Infinity',
    '0x10',
    '1_0',
    '',
  ])
    assert.ok(!isDecimal(text), text)
  for (const value of [1, null, undefined, {}, ['1'], '9'.repeat(31), `0.${'1'.repeat(41)}`])
    assert.ok(!isDecimal(value))
})
