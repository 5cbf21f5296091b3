import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseKenyanPhone } from './phone.ts'

void test('a number is understood in every way that people write it', () => {
  for (const typed of [
    '0712345678',
    '0712 345 678',
    '+254 712-345678',
    '254712345678',
    '712345678',
    '(0712) 345.678',
  ]) {
    assert.equal(parseKenyanPhone(typed), '254712345678', typed)
  }
  assert.equal(parseKenyanPhone('0110 345 678'), '254110345678')
})

void test('what is no Kenyan mobile number is refused', () => {
  for (const typed of [
    '',
    '07123',
    '0812345678',
    '25571234567',
    '2547123456789',
    'abc',
    '+1 212 555 0100',
    '0712345678x',
  ]) {
    assert.equal(parseKenyanPhone(typed), undefined, typed)
  }
})
