import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { create, find, paid, start } from './api/shop.ts'
import { listPageProblems } from './axe.ts'
import { openBrowser } from './browser.ts'
import { drawPdf, keepImage, readPdf, readPdfTexts } from './pdf.ts'
import { onePoint } from './png.ts'
import { openWorld } from './world.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const get = (path: string): Promise<Response> => fetch(`${world.url}${path}`, { redirect: 'manual' })
const pdfOf = async (id: string, query = ''): Promise<readonly string[]> => {
  const answer = await get(`/pay/${id}/receipt.pdf${query}`)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('content-type'), 'application/pdf')
  assert.match(answer.headers.get('content-disposition') ?? '', new RegExp(`filename="\\w+-${id}\\.pdf"`))
  return readPdfTexts(Buffer.from(await answer.arrayBuffer()))
}

void test('the receipt shows amount, payee, method, time and reference numbers', async () => {
  const { id } = await paid(world, { reference: 'Order 1042', description: 'Café & “mandazi”' })
  await world.advance(10_000)
  const { receipts = [] } = (await world.app.payments.find(world.app.db, { id })) ?? {}
  const number = receipts[0]?.number
  assert.ok(number)
  const lines = await pdfOf(id)
  assert.match(lines[0] ?? '', /^Receipt from /)
  for (const wanted of [
    'Café & “mandazi”',
    'KES 1,500',
    'M-Pesa',
    number,
    'Order 1042',
    id,
    'Practice mode: no real money moves.',
  ])
    assert.ok(lines.includes(wanted), `${wanted} in ${lines.join(' | ')}`)
  assert.ok(
    lines.some((line) => /^\d{2} \w{3} \d{4},? \d\d:\d\d EAT$/.test(line.replace('Sept', 'Sep'))),
    lines.join(' | '),
  )
  const page = await (await get(`/pay/${id}/receipt`)).text()
  for (const wanted of ['KES\u00a01,500', number, 'Order 1042', id, 'Practice mode', 'receipt.pdf'])
    assert.ok(page.includes(wanted), wanted)
  assert.ok((await pdfOf(id, '?lang=sw')).includes('Nambari ya risiti'))
})

void test('a partial payment has a receipt, and an unpaid payment has none', async () => {
  const { id } = await create(world)
  for (const name of ['receipt', 'receipt.pdf']) {
    const answer = await get(`/pay/${id}/${name}`)
    assert.deepEqual([answer.status, answer.headers.get('location')], [303, `/pay/${id}?lang=en`])
  }
  await start(world, id, '254700000009')
  await world.advance(10_000)
  assert.equal((await find(world, id)).amount_received, '1499.00')
  assert.ok((await pdfOf(id)).includes('KES 1,499'))
  assert.equal((await get('/pay/pay_00000000000000000000000000/receipt.pdf')).status, 404)
})

void test('the receipt page is printable, and the paid page links to its PDF', async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using _ = browser
  const { id } = await paid(world)
  const page = await browser.page()
  await page.goto(`${world.url}/pay/${id}`)
  assert.equal(await page.getByRole('link', { name: 'PDF' }).getAttribute('href'), `/pay/${id}/receipt.pdf?lang=en`)
  await page.goto(`${world.url}/pay/${id}/receipt`)
  await page.emulateMedia({ media: 'print' })
  assert.ok(await page.locator('.receipt').isVisible())
  assert.ok(!(await page.locator('.actions').isVisible()))
})

/** Names of the merchant, and of the payer in description and reference. pdf.js returns the words of a line from left to right. */
const NAMES = ['Łukasz Đặng', '陈伟', 'محمد', 'Nyambura 🌸', 'Γιώργος', 'Владимир', 'דוד', 'አበበ ቢቂላ']

for (const [i, name] of NAMES.entries())
  void test(`the name ${name} is complete on the receipt page and in its PDF`, async (t) => {
    const { body: store } = await world.api('POST', '/api/v1/stores', { name })
    const { id } = await paid(world, { store: store.id, description: name, reference: `Order 1 ${name}` })
    const answer = await get(`/pay/${id}/receipt.pdf`)
    const pdf = Buffer.from(await answer.arrayBuffer())
    const { pages, missing, boxes } = await readPdf(pdf)
    const texts = pages.flat().map(({ text }) => text)
    assert.equal(texts[0], `Receipt from ${name}`)
    assert.equal(texts[1], name)
    assert.ok(texts.includes(`Order 1 ${name}`), texts.join(' | '))
    assert.deepEqual([missing, boxes], [0, 0])
    assert.ok(pdf.length < 60_000, `${pdf.length} bytes`)

    const browser = await openBrowser()
    if ('skip' in browser) return t.skip(browser.skip)
    await using open = browser
    const page = await open.page()
    await page.goto(`${world.url}/pay/${id}/receipt`)
    assert.equal(await page.locator('.merchant bdi').textContent(), name)
    assert.equal(await page.locator('.about').getAttribute('dir'), 'auto')
    assert.ok((await page.locator('.receipt bdi').allTextContents()).includes(`Order 1 ${name}`))
    await keepImage(`page-${i}.png`, await page.screenshot())
    if (process.env['RECEIPT_IMAGES']) await keepImage(`pdf-${i}.png`, (await drawPdf(open, pdf)).png)
  })

const webp = Buffer.concat([Buffer.from('RIFF'), Buffer.from([36, 0, 0, 0]), Buffer.from('WEBPVP8 ')])

void test('a receipt has its store’s colour and logo, on the page and in the PDF', async (t) => {
  const made = await world.api('POST', '/api/v1/stores', {
    name: 'Duka la Mombasa',
    colour: '#7a1f2b',
    locale: 'sw',
    logo: onePoint(200, 20, 40).toString('base64'),
  })
  const { id: store, logo_url: logo } = made.body
  const { id } = await paid(world, { store })
  const page = await (await get(`/pay/${id}/receipt`)).text()
  for (const wanted of ['Duka la Mombasa', new URL(logo).pathname, '/7a1f2b.css', 'lang="sw"'])
    assert.ok(page.includes(wanted), `${wanted} in ${page}`)
  const file = async (): Promise<Buffer> => Buffer.from(await (await get(`/pay/${id}/receipt.pdf`)).arrayBuffer())
  const pdf = await file()
  const { images, fills } = await readPdf(pdf)
  assert.deepEqual([...(images[0]?.data ?? [])], [200, 20, 40])
  assert.equal(fills[0], '#7a1f2b')
  assert.match((await readPdfTexts(pdf))[0] ?? '', /Duka la Mombasa/)

  const changed = await world.api('PATCH', `/api/v1/stores/${store}`, { logo: webp.toString('base64') })
  assert.equal(changed.status, 200, JSON.stringify(changed.body))
  const plain = await file()
  assert.deepEqual((await readPdf(plain)).images, [], 'a PDF cannot contain WebP, so only the name is shown')
  assert.deepEqual(await readPdfTexts(plain), await readPdfTexts(pdf))

  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using open = browser
  for (const width of [360, 1280]) {
    const shown = await open.page({ width, height: 740 })
    await shown.goto(`${world.url}/pay/${id}/receipt`)
    assert.deepEqual(await listPageProblems(shown), [], `${width} px`)
  }
})

void test('the number of PDFs per IP address is limited', async () => {
  const { id } = await paid(world)
  const statuses = new Set<number>()
  for (let i = 0; i < 130 && !statuses.has(429); i++) statuses.add((await get(`/pay/${id}/receipt.pdf`)).status)
  assert.ok(statuses.has(200) && statuses.has(429), [...statuses].join())
})
