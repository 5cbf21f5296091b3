import assert from 'node:assert/strict'
import { test } from 'node:test'
import { linesOf, pagesOf } from '../../../../test/pdf.ts'
import { renderPdf } from './pdf.ts'

const text = { title: 'Receipt', rows: [], notes: [] }

void test('a document has its words in order, and a reader finds every object', () => {
  const pdf = renderPdf({
    title: 'Receipt',
    subtitle: 'Duka la Mama',
    rows: [
      ['Amount', 'KES 1,500'],
      ['Number', 'SAF7K2M9QX'],
    ],
    notes: ['Thank you'],
  })
  assert.deepEqual(linesOf(pdf), [
    'Receipt',
    'Duka la Mama',
    'Amount',
    'KES 1,500',
    'Number',
    'SAF7K2M9QX',
    'Thank you',
  ])
  assert.equal(pagesOf(pdf).length, 1)
})

void test('names in Latin letters stay, marks that the fonts lack go, what PDF reads as its own is told apart', () => {
  const said = (value: string): string | undefined => linesOf(renderPdf({ ...text, rows: [['x', value]] })).at(-1)
  assert.equal(said('Çafé Ñandú & Söhne – “Größe” 5 € ÿ'), 'Çafé Ñandú & Söhne – “Größe” 5 € ÿ')
  assert.equal(said('(a) \\ b) Tj ET'), '(a) \\ b) Tj ET')
  assert.equal(said('Ağrı Žižka Đorđe'), 'Agr? Žižka ?or?e')
  assert.equal(said('M-\u2060Pesa\u00a0KES'), 'M-Pesa KES')
  assert.equal(said('店 ☕'), '? ?')
  assert.equal(said('e\u0301\0\u0007'), 'é')
})

void test('what is too long is broken between words, a word only where it must be, and goes on on another page', () => {
  const words = 'Two mugs and a bag of coffee from the hills, roasted on Tuesday and ground this morning for the office'
  const lines = linesOf(renderPdf({ ...text, rows: [['x', words]] })).slice(2)
  assert.ok(lines.length > 1)
  assert.equal(lines.join(' '), words)
  const long = 'W'.repeat(200)
  const broken = linesOf(renderPdf({ ...text, rows: [['x', long]] })).slice(2)
  assert.equal(broken.join(''), long)
  assert.ok(
    broken.every((line) => line.length < 30),
    'inside the margin',
  )
  const rows = Array.from({ length: 200 }, (_, i) => [`row ${i}`, `value ${i}`] as const)
  const pages = pagesOf(renderPdf({ ...text, rows }))
  assert.ok(pages.length > 2)
  assert.deepEqual(pages.flat().slice(1), rows.flat())
})
