import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  isMobile,
  explainInvalidMobile,
  explainInvalidPhone,
  parseMobile,
  parsePhone,
  MAX_PHONE_LENGTH,
} from './phone.ts'

const MSISDN = '254712345678'

/** The nine forms from public complaints, and similar forms. */
const FORMS = [
  '0712345678',
  '0712 345 678',
  '712345678',
  '254712345678',
  '+254712345678',
  '+254 712-345678',
  '(0712) 345.678',
  '+254 (0) 712 345678',
  '+254(0)712345678',
  '254 (0) 712 345 678',
  '2540712345678',
  '+2540712345678',
  '00254712345678',
  '00 254 712 345 678',
  '000254712345678',
  '+00254712345678',
  '+0712345678',
  'tel:+254712345678',
  'tel:%2B254712345678',
  'tel:0712345678;phone-context=+254',
  'TEL:0712-345-678',
  '\u202A+254712345678\u202C',
  '\u2066+254 712 345 678\u2069',
  '0712345678\u200B',
  '\uFEFF0712345678',
  '0712\u00AD345\u00AD678',
  '0712\u00A0345\u00A0678',
  '0712\u202F345\u2009678',
  '0712\u2011345\u2011678',
  '0712–345–678',
  '0712—345—678',
  '０７１２３４５６７８',
  '＋２５４ ７１２ ３４５ ６７８',
  '٠٧١٢٣٤٥٦٧٨',
  '۰۷۱۲۳۴۵۶۷۸',
  '0712345678,',
  ' 0712345678.\n',
]

void test('a Kenyan mobile number is parsed in every form that people write and paste', () => {
  for (const typed of FORMS) {
    assert.equal(parseMobile(typed, 'KE'), MSISDN, JSON.stringify(typed))
    assert.equal(parsePhone(typed, 'KE'), MSISDN, JSON.stringify(typed))
  }
})

void test('any Kenyan mobile number is parsed with separators, invisible characters and every prefix', () => {
  const number = fc.tuple(fc.constantFrom('7', '1'), fc.stringMatching(/^\d{8}$/)).map((parts) => parts.join(''))
  const prefixes = fc.constantFrom('', '0', '254', '+254', '00254', '000254', '2540', '+254 (0)', 'tel:+254', 'tel:0')
  const between = fc.constantFrom('', '', '', ' ', '-', '.', '\u00A0', '\u200B', '\u200E', '\u202A', '\u2060', '\u2011')
  fc.assert(
    fc.property(number, prefixes, fc.array(between, { minLength: 9, maxLength: 9 }), (digits, prefix, gaps) => {
      const typed =
        prefix +
        digits
          .split('')
          .map((digit, i) => digit + (gaps[i] ?? ''))
          .join('')
      assert.equal(parseMobile(typed, 'KE'), `254${digits}`, JSON.stringify(typed))
    }),
    { numRuns: 500 },
  )
})

void test('prefixes that networks open later are accepted, because the provider decides', () => {
  for (const typed of ['0799 999 999', '0119 345 678', '0199 345 678', '0700 000 001'])
    assert.equal(parseMobile(typed, 'KE'), `254${typed.slice(1).replaceAll(' ', '')}`)
})

void test('a text that is not a Kenyan mobile number is refused', () => {
  for (const typed of [
    '',
    '+',
    '07123',
    '0812345678',
    '0202345678',
    '25471234567',
    '2547123456789',
    '255712345678',
    '+255 712 345 678',
    'abc',
    'call me on 0712345678',
    '0712345678x',
    '0712345678 ext. 5',
    '0712 345 678 / 0722 000 111',
    '+254+712345678',
    '+1 212 555 0100',
    '07¹2345678',
    '071234567₈',
    `0712345678${' '.repeat(MAX_PHONE_LENGTH)}`,
  ])
    assert.equal(parseMobile(typed, 'KE'), undefined, JSON.stringify(typed))
})

void test('numbers of other countries keep their country, with and without a plus', () => {
  for (const country of [undefined, 'KE'] as const) {
    assert.equal(parsePhone('+44 (0)7911 123456', country), '447911123456')
    assert.equal(parsePhone('447911123456', country), '447911123456')
    assert.equal(parsePhone('0044 7911 123456', country), '447911123456')
    assert.equal(parsePhone('12125550100', country), '12125550100')
    assert.equal(parsePhone('4512345678', country), '4512345678')
    assert.equal(parsePhone('254712345678', country), MSISDN)
  }
})

void test('a national number needs its country', () => {
  for (const typed of ['0712345678', '712345678', '0712-345-678', '12'])
    assert.equal(parsePhone(typed), undefined, typed)
  assert.equal(parsePhone('07911 123456', 'GB'), '447911123456')
  assert.equal(parsePhone('0772 123456', 'UG'), '256772123456')
})

void test('parsing never throws, and parses its own result again', () => {
  const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[+()0-9 tel:;.,-]{0,30}$/))
  fc.assert(
    fc.property(texts, fc.constantFrom(undefined, 'KE' as const), (text, country) => {
      const digits = parsePhone(text, country)
      if (digits === undefined) return
      assert.match(digits, /^[1-9]\d{4,16}$/)
      assert.equal(parsePhone(`+${digits}`), digits)
    }),
    { numRuns: 1000 },
  )
})

void test('the error says what is wrong and how to write the number', () => {
  assert.equal(
    `phone ${explainInvalidMobile('KE')}`,
    'phone is not a Kenyan mobile number. Write it like 0712 345 678 or +254712345678.',
  )
  assert.equal(explainInvalidPhone('KE'), 'is not a phone number. Write it like 0712 345 678 or +254712345678.')
  assert.match(explainInvalidPhone(), /with its country code/)
  assert.equal(isMobile(MSISDN, 'KE'), true)
  assert.equal(isMobile('0712345678', 'KE'), false)
})
