import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import axe from 'axe-core'
import { Secret } from '#platform/base/secrets'
import { openBrowser } from '../../test/browser.ts'
import { openTestDatabase } from '../../test/database.ts'
import { openRailBench, type RailBench } from '../../test/rails.ts'
import { openSimulators } from '../../test/simulators.ts'
import { sandboxSchema } from './index.ts'

const DARAJA = {
  authorization: `Basic ${Buffer.from('sandbox-consumer-key:sandbox-consumer-secret').toString('base64')}`,
}

async function ring(
  { fetch, simulators }: Pick<RailBench, 'fetch' | 'simulators'>,
  phone: string,
  shillings: number,
): Promise<void> {
  const base = `${simulators.url}/sandbox/daraja`
  const answer = await fetch({ url: `${base}/oauth/v1/generate`, headers: DARAJA, label: 'test' })
  const { access_token: token } = answer.json() as { access_token: string }
  const pushed = await fetch({
    method: 'POST',
    url: `${base}/mpesa/stkpush/v1/processrequest`,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      BusinessShortCode: '174379',
      Password: Buffer.from('174379sandbox-passkey20260115120000').toString('base64'),
      Timestamp: '20260115120000',
      TransactionType: 'CustomerPayBillOnline',
      Amount: shillings,
      PartyA: phone,
      PartyB: '174379',
      PhoneNumber: phone,
      CallBackURL: 'http://127.0.0.1:9/callback',
      AccountReference: '<b>Njeri</b>',
      TransactionDesc: 'Order 42',
    }),
    label: 'test',
  })
  assert.equal(pushed.status, 200)
}

test('the page shows a new prompt without reload, and a tap approves it', async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using _ = browser
  await using bench = await openRailBench()
  const page = await browser.page({ width: 360 })
  const faults: string[] = []
  page.on('pageerror', ({ message }) => faults.push(message))
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
  await page.goto(`${bench.simulators.url}/sandbox`)
  await page.getByText('Prompts appear here.').waitFor()
  await ring(bench, '254712345678', 1500)
  await page.getByText('Do you want to pay KES 1,500 to <b>Njeri</b>?').waitFor()
  const wide = await page.evaluate('document.documentElement.scrollWidth')
  assert.equal(wide, 360, 'no horizontal overflow on a small phone')
  await page.evaluate(axe.source)
  const report = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>('axe.run()')
  assert.deepEqual(
    report.violations.map(({ id, nodes }) => [id, nodes[0]?.html]),
    [],
  )
  await page.getByRole('button', { name: 'Approve' }).click()
  await page.getByText('Confirmed. KES 1,500 paid to').waitFor()
  assert.deepEqual(faults, [])
})

test('without JavaScript a number can be chosen and a prompt declined', async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using _ = browser
  await using bench = await openRailBench()
  await ring(bench, '254712345678', 20)
  await ring(bench, '254722000111', 30)
  const page = await browser.page({ javaScript: false })
  await page.goto(`${bench.simulators.url}/sandbox`)
  await page.getByLabel('Number').fill('0712 345 678')
  await page.getByRole('button', { name: 'Show' }).click()
  await page.getByText('Do you want to pay KES 20').waitFor()
  await page.getByRole('button', { name: 'Decline' }).click()
  await page.getByText('Request cancelled by user').waitFor()
  await page.getByRole('link', { name: /0722 000 111/ }).click()
  await page.getByText('Do you want to pay KES 30').waitFor()
  await page.getByLabel('Number').fill('12345')
  await page.getByRole('button', { name: 'Show' }).click()
  await page.getByText('A Kenyan mobile number, such as 0712 345 678.').waitFor()
})

test('with a password every page and control requires it, while the simulated APIs keep their own keys', async () => {
  await using database = await openTestDatabase([sandboxSchema])
  await using bench = await openRailBench()
  await using simulators = await openSimulators({
    db: database.db,
    clock: bench.clock,
    password: new Secret('open sesame'),
  })
  const get = async (path: string, authorization?: string): Promise<number> => {
    const headers = authorization ? { authorization } : {}
    return (await bench.fetch({ url: simulators.url + path, headers, label: 'test' })).status
  }
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  for (const path of [
    '/sandbox',
    '/sandbox/live',
    '/sandbox/controls',
    '/sandbox/phone/254712345678',
    '/sandbox/stripe/pay/cs_x',
  ]) {
    assert.equal(await get(path), 401, path)
    assert.equal(await get(path, basic('any:wrong')), 401, path)
    assert.notEqual(await get(path, basic('any:open sesame')), 401, path)
  }
  const url = `${simulators.url}/sandbox/phone/254712345678/approve`
  assert.equal((await bench.fetch({ method: 'POST', url, label: 'test' })).status, 401)
  await ring({ fetch: bench.fetch, simulators }, '254712345678', 20)
})

test('the simulators run as a separate process', async () => {
  await using database = await openTestDatabase([])
  await using bench = await openRailBench()
  const env = { SIMULATORS_DATABASE: JSON.stringify(database.ownerConnection), SIMULATORS_PORT: '0' }
  const child = spawn(process.execPath, [fileURLToPath(new URL('../../test/simulators.ts', import.meta.url))], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const gone = once(child, 'exit')
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const url = /^simulators (http:\/\/127\.0\.0\.1:\d+)$/m.exec(line.toString())?.[1]
    assert.ok(url, line.toString())
    await ring({ fetch: bench.fetch, simulators: { ...bench.simulators, url } }, '254712345678', 20)
    const answer = await bench.fetch({ url: `${url}/sandbox/phone/254712345678`, label: 'test' })
    assert.equal((answer.json() as { prompts: unknown[] }).prompts.length, 1)
  } finally {
    child.kill('SIGTERM')
  }
  assert.deepEqual(await gone, [0, null])
})
