import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { renderPdf } from '../src/gateway/pdf/document.ts'
import { isolate } from '../src/gateway/pdf/text.ts'
import { openBrowser } from '../test/browser.ts'

/** Renders receipts with names of many scripts to PDF and PNG, to look at: `node tools/receipt-images.ts [DIRECTORY]`. */

const NAMES = {
  latin: 'Łukasz Đặng',
  chinese: '陈伟',
  arabic: 'محمد',
  emoji: 'Nyambura 🌸',
  greek: 'Γιώργος Παπαδόπουλος',
  cyrillic: 'Владимир Ђорђевић',
  hebrew: 'דוד בן־גוריון (12)',
  ethiopic: 'አበበ ቢቂላ',
  devanagari: 'क्षत्रिय हिन्दी',
  korean: '김민준 대한민국',
  japanese: '山田 太郎さん',
}
const WIDTH = 900

const directory = process.argv[2] ?? 'receipts'
await mkdir(directory, { recursive: true })
const browser = await openBrowser()
for (const [script, name] of Object.entries(NAMES)) {
  const pdf = await renderPdf({
    language: 'en',
    title: `Receipt from ${isolate(name)}`,
    subtitle: `For ${isolate(name)}, two mugs`,
    colour: '#7a1f2b',
    rows: [
      ['Amount', 'KES 1,500'],
      ['Paid with', 'M-Pesa'],
      ['Your reference', `Order 1042, ${isolate(name)}`],
      ['All names', Object.values(NAMES).map(isolate).join(', ')],
    ],
    notes: ['Practice mode: no real money moves.'],
    printedAt: new Date(),
  })
  await writeFile(join(directory, `${script}.pdf`), pdf)
  if (!('skip' in browser)) await writeFile(join(directory, `${script}.png`), await pngOf(pdf))
}
if ('skip' in browser) process.stdout.write(`No PNG files: ${browser.skip}\n`)
else await browser.close()
process.stdout.write(`Written to ${directory}\n`)

/** Draws the first page with pdf.js in the browser. */
async function pngOf(pdf: Buffer): Promise<Buffer> {
  if ('skip' in browser) throw new Error(browser.skip)
  const library = await readFile(new URL(import.meta.resolve('unpdf/pdfjs')), 'utf8')
  const page = await browser.page({ width: WIDTH, height: 1280 })
  await page.setContent('<body style="margin:0"><canvas></canvas></body>')
  // Evaluate a string: the project's TypeScript config has no DOM types.
  await page.evaluate(`(async () => {
    const source = new Blob([${JSON.stringify(library)}], { type: 'text/javascript' })
    const pdfjs = await import(URL.createObjectURL(source))
    const data = Uint8Array.from(atob(${JSON.stringify(pdf.toString('base64'))}), (c) => c.charCodeAt(0))
    const page = await (await pdfjs.getDocument({ data }).promise).getPage(1)
    const viewport = page.getViewport({ scale: ${WIDTH} / 595 })
    const canvas = document.querySelector('canvas')
    canvas.width = viewport.width
    canvas.height = viewport.height
    await page.render({ canvas, canvasContext: canvas.getContext('2d'), viewport }).promise
  })()`)
  return page.locator('canvas').screenshot()
}
