import assert from 'node:assert/strict'
import { test } from 'node:test'
import { find, PAYMENTS, start } from './api/shop.ts'
import { listPageProblems } from './axe.ts'
import { openBrowser } from './browser.ts'
import { waitFor } from './wait.ts'
import { openWorld, type World } from './world.ts'

/** Tests the refund page in a browser. */

async function link(world: World): Promise<{ payment: string; url: string }> {
  const made = await world.api('POST', PAYMENTS, { amount: '1500.00', currency: 'KES' })
  const payment: string = made.body.id
  await start(world, payment, '254700000001')
  await waitFor('the payment to be paid', async () => (await find(world, payment)).status === 'paid')
  const body = { method: 'claim', reason: 'Vikombe viwili vilivunjika njiani' }
  const refund = await world.api('POST', `${PAYMENTS}/${payment}/refunds`, body)
  return { payment, url: refund.body.claim_url }
}

void test('at 360 px: a wrong number, a corrected one, the preview, a failure, and the money', async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using opened = browser
  await using world = await openWorld({ clock: 'system' })
  const { payment, url } = await link(world)
  const page = await opened.page({ width: 360, height: 740 })
  const fits = async (what: string): Promise<void> => assert.deepEqual(await listPageProblems(page), [], what)
  const phone = page.locator('#to-mpesa')
  await page.goto(url)
  await page.getByRole('heading', { name: /refunds you KES.1,500/ }).waitFor()
  await fits('asking')

  await phone.fill('0712')
  await page.getByRole('button', { name: /Receive it by M-\W?Pesa/ }).click()
  await page.getByText('Enter a Safaricom number').waitFor()
  assert.equal(await phone.inputValue(), '0712')
  await fits('a wrong number')

  await phone.fill('\u202A+254 (0) 700 000 012\u202C')
  await page.getByRole('button', { name: /Receive it by M-\W?Pesa/ }).click()
  await page.getByText('Is this right?').waitFor()
  await page.getByText('0700 000 012').waitFor()
  await fits('the preview')
  await page.getByRole('button', { name: /Send KES.1,500/ }).click()
  await page
    .getByText(/on its way|could not be sent/)
    .first()
    .waitFor()
  await waitFor('the sending to fail', async () => {
    await page.goto(url)
    return page.getByText('It could not be sent there').isVisible()
  })
  await fits('after a failure')

  await phone.fill('0700 000 001')
  await page.getByRole('button', { name: /Receive it by M-\W?Pesa/ }).click()
  await page.getByRole('button', { name: 'Change' }).click()
  assert.equal(await phone.inputValue(), '0700 000 001')
  await page.getByRole('button', { name: /Receive it by M-\W?Pesa/ }).click()
  await page.getByRole('button', { name: /Send KES.1,500/ }).click()
  await page.getByText('The money is on its way').waitFor()
  await fits('on its way')
  await waitFor(
    'the money to arrive',
    async () => {
      await page.getByRole('link', { name: 'Check again' }).click()
      return page.getByText('Sent. The money is yours.').isVisible()
    },
    30_000,
  )
  await page.getByRole('link', { name: 'Kiswahili' }).click()
  await page.getByText('Zimetumwa. Pesa ni zako.').waitFor()
  await fits('sent, in Swahili')
  assert.equal((await find(world, payment)).status, 'reversed')
  assert.deepEqual(await world.broken(), [])
})

void test('without JavaScript the page reloads when its link expires and then asks for nothing', async () => {
  await using world = await openWorld({ env: { REFUND_CLAIM_DAYS: '2' } })
  const made = await world.api('POST', PAYMENTS, { amount: '1500.00', currency: 'KES' })
  await start(world, made.body.id, '254700000001')
  await world.advance(10_000)
  const refund = await world.api('POST', `${PAYMENTS}/${made.body.id}/refunds`, { method: 'claim' })
  const read = async (): Promise<string> =>
    (await fetch(refund.body.claim_url, { headers: { accept: 'text/html' } })).text()
  const open = await read()
  const seconds = Number(/http-equiv="refresh" content="(\d+);url=\/refund\//.exec(open)?.[1])
  assert.ok(seconds > 172_790 && seconds <= 172_801 && open.includes('<form'), `${seconds}`)
  await world.jump(seconds * 1000)
  const over = await read()
  assert.match(over, /no longer valid/)
  assert.ok(!over.includes('<form') && !over.includes('refresh'))
})
