import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { openBrowser } from './browser.ts'

const PAGE = `<!doctype html><html><meta name="viewport" content="width=device-width"><title>Till</title>
<body><p id="width"></p><button onclick="this.textContent = navigator.language">Pay</button>
<script>document.getElementById('width').textContent = innerWidth</script></body></html>`

const server = createServer((_, response) => {
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.end(PAGE)
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
const browser = await openBrowser()

after(async () => {
  if (!('skip' in browser)) await browser.close()
  server.closeAllConnections()
  server.close()
})

test('a page can be loaded, clicked and captured as a picture', async (t) => {
  if ('skip' in browser) return t.skip(browser.skip)
  const page = await browser.page({ width: 360, height: 640, locale: 'sw-KE' })
  await page.goto(url)
  assert.equal(await page.title(), 'Till')
  assert.equal(await page.locator('#width').textContent(), '360')
  await page.getByRole('button', { name: 'Pay' }).click()
  assert.equal(await page.locator('button').textContent(), 'sw-KE')
  const image = await page.screenshot()
  assert.equal(image.subarray(0, 8).toString('latin1'), '\x89PNG\r\n\x1A\n')
  assert.equal(image.readUInt32BE(16), 360)
  await page.close()
})

test('a page without JavaScript shows the server’s HTML', async (t) => {
  if ('skip' in browser) return t.skip(browser.skip)
  const page = await browser.page({ javaScript: false })
  await page.goto(url)
  await page.locator('button').click()
  assert.equal(await page.locator('button').textContent(), 'Pay')
  assert.equal(await page.locator('#width').textContent(), '')
  await page.close()
})

test('pages do not share cookies', async (t) => {
  if ('skip' in browser) return t.skip(browser.skip)
  const first = await browser.page()
  await first.goto(url)
  await first.evaluate(`document.cookie = 'seen=1'`)
  const second = await browser.page()
  await second.goto(url)
  assert.equal(await first.evaluate('document.cookie'), 'seen=1')
  assert.equal(await second.evaluate('document.cookie'), '')
  await Promise.all([first.close(), second.close()])
})
