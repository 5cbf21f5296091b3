import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { openBrowser } from '../../../test/browser.ts'
import { drawPdf, keepImage, readPdf, readPdfTexts } from '../../../test/pdf.ts'
import { renderPdf, type PdfText } from './document.ts'
import { cleanText, isolate } from './text.ts'

const text: PdfText = { language: 'en', title: 'Receipt', rows: [], notes: [], printedAt: new Date(0) }
const valueOf = async (value: string): Promise<string | undefined> =>
  (await readPdfTexts(await renderPdf({ ...text, rows: [['x', value]] }))).at(-1)

void test('a document has its title, language and texts in reading order', async () => {
  const { title, language, pages } = await readPdf(
    await renderPdf({
      ...text,
      language: 'sw',
      title: `Receipt from ${isolate('Duka la Mama')}`,
      subtitle: 'Two mugs',
      rows: [
        ['Amount', 'KES 1,500'],
        ['Number', 'SAF7K2M9QX'],
      ],
      notes: ['Thank you'],
    }),
  )
  assert.deepEqual([title, language], ['Receipt from Duka la Mama', 'sw'])
  assert.deepEqual(pages, [
    [
      { tag: 'H1', text: 'Receipt from Duka la Mama' },
      { tag: 'P', text: 'Two mugs' },
      { tag: 'TH', text: 'Amount' },
      { tag: 'TD', text: 'KES 1,500' },
      { tag: 'TH', text: 'Number' },
      { tag: 'TD', text: 'SAF7K2M9QX' },
      { tag: 'P', text: 'Thank you' },
    ],
  ])
})

/** pdf.js returns the words of a line from left to right. */
const visual = (words: string): string => words.split(' ').toReversed().join(' ')

const NAMES: Readonly<Record<string, string>> = {
  'Łukasz Đặng ıħƙ': 'Łukasz Đặng ıħƙ',
  'Ağrı Žižka Đorđe': 'Ağrı Žižka Đorđe',
  陈伟: '陈伟',
  '陳偉龍 鄭黃劉': '陳偉龍 鄭黃劉',
  '山田 太郎さん': '山田 太郎さん',
  '김민준 대한민국': '김민준 대한민국',
  محمد: 'محمد',
  'محمد بن سلمان (الأمير) متجر 2024': visual('محمد بن سلمان (الأمير) متجر 2024'),
  'فاطمة الزهراء شیرین گل ۱۲۳': visual('فاطمة الزهراء شیرین گل ۱۲۳'),
  'Nyambura 🌸': 'Nyambura 🌸',
  'Γιώργος Παπαδόπουλος': 'Γιώργος Παπαδόπουλος',
  'Владимир Ђорђевић Їжак': 'Владимир Ђорђевић Їжак',
  'דוד בן־גוריון': visual('דוד בן־גוריון'),
  'አበበ ቢቂላ': 'አበበ ቢቂላ',
  'Çafé Ñandú & Söhne – “Größe” 5 € ÿ (a) \\ b) Tj ET': 'Çafé Ñandú & Söhne – “Größe” 5 € ÿ (a) \\ b) Tj ET',
}

for (const [name, expected] of Object.entries(NAMES))
  void test(`the name ${name} is drawn from fonts that have it, and is copied as it was written`, async () => {
    const pdf = await renderPdf({ ...text, title: `Receipt from ${isolate(name)}`, rows: [['x', name]] })
    const { pages, missing, boxes, glyphs } = await readPdf(pdf)
    const texts = pages.flat().map((block) => block.text)
    assert.equal(texts[0], `Receipt from ${expected}`)
    assert.equal(texts.at(-1), expected)
    assert.ok(glyphs > 0)
    assert.deepEqual([missing, boxes], [0, 0])
    assert.ok(pdf.length < 60_000, `fonts are subset: ${pdf.length} bytes`)
  })

void test('Devanagari is shaped: letters form ligatures and no letter is lost', async () => {
  const name = 'क्षत्रिय हिन्दी श्रीमती'
  const { pages, missing, boxes, glyphs } = await readPdf(await renderPdf({ ...text, title: '', rows: [['', name]] }))
  const letters = (words = ''): string => Array.from(words.replaceAll(' ', '')).toSorted().join('')
  // pdf.js returns letters in the order of the glyphs: a short i precedes its consonant.
  assert.equal(letters(pages.flat().at(-1)?.text), letters(name))
  assert.deepEqual([missing, boxes], [0, 0])
  assert.ok(glyphs < Array.from(name).length, `${glyphs} glyphs`)
})

void test('Arabic letters join: a letter inside a word has another glyph than alone', async () => {
  const count = async (value: string): Promise<number> => {
    const { glyphs } = await readPdf(await renderPdf({ ...text, title: '', rows: [['', value]] }))
    return glyphs
  }
  assert.equal(await count('لا'), 2)
  assert.notDeepEqual(await renderPdf({ ...text, title: 'ههه' }), await renderPdf({ ...text, title: 'ه ه ه' }))
})

void test('control characters, overrides and lone surrogates are removed; a character without a font is a box', async () => {
  assert.equal(await valueOf('M-\u2060Pesa\u00a0KES'), 'M-Pesa KES')
  assert.equal(await valueOf('e\u0301\0\u0007'), 'é')
  assert.equal(await valueOf('Duka\u202eecalp\u202c\ud800'), 'Dukaecalp\ufffd')
  const { boxes, missing } = await readPdf(await renderPdf({ ...text, rows: [['x', 'a \u{10380}\u{1f9ff} ก']] }))
  assert.deepEqual([boxes, missing], [2, 0])
})

void test('any text as a name produces a file of bounded size', { timeout: 60_000 }, async () => {
  const hostile = [
    `Z${'\u0301'.repeat(100_000)}`,
    '\u202e\u2066'.repeat(10_000),
    'ab\u200d'.repeat(10_000),
    'W'.repeat(1_000_000),
    '\u05d0'.repeat(5000),
    String.fromCodePoint(...Array.from({ length: 2000 }, (_, i) => 0x4e00 + i * 10)),
    '🌸'.repeat(3000),
    '',
    ' ',
    '\u2069\u2068',
  ]
  for (const value of hostile) {
    const pdf = await renderPdf({ ...text, title: value, subtitle: value, rows: [[value, value]] })
    assert.ok(pdf.length < 600_000, `${pdf.length} bytes`)
  }
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 30 }), async (value) => {
      assert.ok((await renderPdf({ ...text, rows: [[value, value]] })).length > 0)
    }),
    { numRuns: 50 },
  )
})

void test('text is limited in length, in composed form, with few marks on a letter', () => {
  assert.equal(cleanText(`  a\n\tb${'\u0300'.repeat(50)} `), `a b${'\u0300'.repeat(4)}`)
  assert.equal(cleanText('x'.repeat(5000)).length, 1001)
})

void test('long text breaks between words, a word only where it must, and rows continue on another page', async () => {
  const words = 'Two mugs and a bag of coffee from the hills, roasted on Tuesday and ground this morning for the office'
  assert.equal(await valueOf(words), words)
  const long = 'W'.repeat(200)
  const broken = (await valueOf(long))?.split(' ') ?? []
  assert.equal(broken.join(''), long)
  assert.ok(broken.length > 5 && broken.every((line) => line.length < 30), 'inside the margin')
  assert.match((await valueOf('W'.repeat(900))) ?? '', /…$/)
  assert.match((await valueOf('名'.repeat(900))) ?? '', /名…$/)
  const rows = Array.from({ length: 100 }, (_, i) => [`row ${i}`, `value ${i}`] as const)
  const { pages } = await readPdf(await renderPdf({ ...text, rows }))
  assert.ok(pages.length > 2)
  assert.deepEqual(
    pages
      .flat()
      .slice(1)
      .map((block) => block.text),
    rows.flat(),
  )
})

void test('a browser draws the receipt', { timeout: 60_000 }, async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using open = browser
  const names = Object.keys(NAMES).map((name, i) => [`Name ${i + 1}`, name] as const)
  const blank = await drawPdf(open, await renderPdf({ ...text, title: '' }))
  const { png, inked } = await drawPdf(open, await renderPdf({ ...text, colour: '#7a1f2b', rows: names }))
  await keepImage('names.png', png)
  assert.ok(inked > blank.inked + 10_000, `${inked} pixels`)
})
