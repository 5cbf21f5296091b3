import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { createPurser } from '../packages/client/src/index.ts'
import { noOldNode, oldNode } from './oldnode.ts'
import { openWorld } from './world.ts'
import { waitFor } from './wait.ts'

/** The command in the header of the example, without `node`. */
const COMMAND = (/ node (\S+ examples\/shop\.ts)$/m.exec(readFileSync('examples/shop.ts', 'utf8'))?.[1] ?? '').split(
  ' ',
)

void test('the example shop starts by its documented command with an older Node', { skip: noOldNode }, async (t) => {
  await using world = await openWorld({ clock: 'system' })
  const env = { ...process.env, PURSER_URL: world.url, PURSER_KEY: world.key, PORT: '0' }
  const shop = spawn(oldNode ?? '', COMMAND, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(async () => {
    shop.kill()
    await once(shop, 'exit')
  })
  assert.match(await (await fetch(await waitForUrl(shop))).text(), /Buy a bag of coffee/)
})

void test('the example shop sells, and shows an order as paid after the signed event', async (t) => {
  await using world = await openWorld({ clock: 'system' })
  const env = { ...process.env, PURSER_URL: world.url, PURSER_KEY: world.key, PORT: '0' }
  let complaints = ''
  const open = async (): Promise<string> => {
    const shop = spawn(process.execPath, COMMAND, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(async () => {
      shop.kill()
      await once(shop, 'exit')
    })
    shop.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()))
    return waitForUrl(shop)
  }
  await open()
  const url = await open()
  const purser = createPurser({ url: world.url, key: world.key })
  const { data: endpoints } = await purser.listWebhookEndpoints()
  assert.deepEqual(
    endpoints.map((each) => each.url),
    [`${url}/hook`],
    'a restarted shop reuses its endpoint',
  )
  const page = await (await fetch(url)).text()
  const [, number = ''] = /action="\/buy\/([^"]+)"[^]*<button>Buy/.exec(page) ?? assert.fail(page)
  const buy = () => fetch(`${url}/buy/${number}`, { method: 'POST', redirect: 'manual' })
  const bought = await buy()
  assert.equal(bought.status, 303, complaints)
  const checkout = bought.headers.get('location') ?? ''
  assert.equal((await buy()).headers.get('location'), checkout, 'two clicks create one payment')
  assert.match(checkout, /\/pay\/pay_/)
  assert.match(await (await fetch(checkout)).text(), /1,500/)
  const order = async (): Promise<string> => (await fetch(`${url}/orders/${number}`)).text()
  assert.match(await order(), /waiting for your payment/)

  const forged = { type: 'payment.paid', data: { object: { reference: number } } }
  assert.equal((await fetch(`${url}/hook`, { method: 'POST', body: JSON.stringify(forged) })).status, 400)
  assert.match(await order(), /waiting for your payment/)

  await purser.startAttempt(checkout.split('/').at(-1) ?? '', { method: 'mpesa', phone: '254700000001' })
  await waitFor('the order to be paid', async () => (await order()).includes('paid, thank you!'))
})

async function waitForUrl(shop: ReturnType<typeof spawn>): Promise<string> {
  assert.ok(shop.stdout)
  for await (const line of createInterface(shop.stdout)) {
    const url = /http:\/\/\S+/.exec(line)?.[0]
    if (url) return url
  }
  throw new Error('the shop exited before it listened')
}
