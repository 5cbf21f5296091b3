import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { openWorld, type Answer, type World } from '../world.ts'
import { assertBooksHold, assertRefused, available, create, find, operatorKey, PAYMENTS } from './shop.ts'

/** Manual bank transfers: the payer reports one on the page, the operator decides. */

let world: World
let operator: string
before(async () => {
  world = await openWorld()
  operator = await operatorKey(world)
})
after(() => world[Symbol.asyncDispose]())

const asOperator = (method: string, path: string, body?: unknown): Promise<Answer> =>
  world.api(method, `/api/v1/transfers${path}`, body, { authorization: operator })

/** Chooses a transfer on the page, without a script. */
async function choose(url: string): Promise<void> {
  const answer = await fetch(`${url}/attempts`, {
    method: 'POST',
    body: new URLSearchParams({ method: 'transfer' }),
    redirect: 'manual',
  })
  assert.equal(answer.status, 303)
}

const say = (url: string, note: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(`${url}/sent`, { method: 'POST', headers, body: new URLSearchParams({ note }), redirect: 'manual' })

void test('the page shows the bank details, the payer reports the transfer, the operator confirms it, the page shows it as paid', async () => {
  const had = Number(await available(world))
  const { id, checkout_url: url } = await create(world, { amount: '2500.00' })
  await choose(url)
  const [attempt] = (await find(world, id)).attempts
  assert.deepEqual([attempt.method, attempt.status], ['transfer', 'pending'])
  assert.match(attempt.address, /^Practice Bank\nAccount/)
  const page = await (await fetch(url)).text()
  for (const text of [attempt.code, 'Practice Bank', 'I have sent it']) assert.ok(page.includes(text), text)

  assert.equal((await say(url, 'from Mama Mboga')).status, 303)
  assert.match(await (await fetch(url)).text(), /looks for it by/)
  assert.equal((await find(world, id)).status, 'processing')
  const { body } = await asOperator('GET', '')
  const [waiting] = body.data
  assert.deepEqual(
    [waiting.id, waiting.code, waiting.note, waiting.amount, waiting.payment],
    [attempt.id, attempt.code, 'from Mama Mboga', '2500.00', id],
  )
  const done = await asOperator('POST', `/${attempt.code}/confirm`, { number: 'FT26015K3M9P' })
  assert.deepEqual([done.status, done.body.status], [200, 'settled'], JSON.stringify(done.body))
  assert.equal((await find(world, id)).status, 'paid')
  assert.match(await (await fetch(url)).text(), /FT26015K3M9P/)
  assert.equal(Number(await available(world)) - had, 2500)
  assert.equal((await asOperator('POST', `/${id}/confirm`, { number: 'FT26015K3M9P' })).status, 200, 'a repeat')
  assert.equal(Number(await available(world)) - had, 2500)
  const audit = await world.app.identity.audit.list(world.app.db, { limit: 5 })
  assert.equal(audit.items.filter(({ action }) => action === 'payments.transfer-confirmed').length, 1)
  await assertBooksHold(world)
})

void test('a rejected transfer can be retried, and the page names a contact', async () => {
  const { id, checkout_url: url } = await create(world, { amount: '100.00' })
  await choose(url)
  await say(url, '')
  const no = await asOperator('POST', `/${id}/reject`, { note: 'not on the statement' })
  assert.deepEqual([no.status, no.body.status], [200, 'failed'])
  const page = await (await fetch(url)).text()
  assert.match(page, /has not arrived/)
  assert.match(page, /If you have sent it, contact/)
  assert.equal((await find(world, id)).status, 'open')
})

void test('only the operator can decide transfers', async () => {
  const { id, checkout_url: url } = await create(world, { amount: '100.00' })
  await choose(url)
  for (const [method, path, body] of [
    ['GET', '', undefined],
    ['POST', `/${id}/confirm`, { number: 'FT777' }],
    ['POST', `/${id}/reject`, { note: 'x' }],
  ] as const)
    assertRefused(await world.api(method, `/api/v1/transfers${path}`, body), {
      status: 403,
      code: 'forbidden',
      says: /operations:/,
    })
  assert.equal((await say(url, 'x', { 'sec-fetch-site': 'cross-site' })).status, 403)
  assert.equal((await find(world, id)).status, 'open')
})

void test('invalid input is refused with the field and advice', async () => {
  const { id, checkout_url: url } = await create(world, { amount: '100.00' })
  await choose(url)
  const unknown = { status: 404, code: 'payments.no-such-transfer', param: 'id' }
  for (const name of ['X2M4P-7K3Q9', 'att_01kd3vq7m2e8wtzr4c9x5bnh6f', '%00'])
    assertRefused(await asOperator('POST', `/${name}/confirm`, { number: 'FT1' }), unknown, name)
  const confirm = (body: object) => asOperator('POST', `/${id}/confirm`, body)
  assertRefused(await confirm({}), { status: 422, code: 'validation-failed', param: 'number' })
  assertRefused(await confirm({ number: '!' }), { status: 422, code: 'payments.bad-number', param: 'number' })
  assertRefused(await confirm({ number: 'FT9', amount: '1.005' }), {
    status: 422,
    code: 'validation-failed',
    param: 'amount',
  })
  assert.equal((await confirm({ number: 'FT9', amount: '60.00' })).status, 200)
  assert.equal((await find(world, id)).flags.partial, true)
  assertRefused(await confirm({ number: 'FT10' }), { status: 409, code: 'payments.transfer-confirmed' })
  const other = await create(world, { amount: '100.00' })
  await choose(other.checkout_url)
  const used = await asOperator('POST', `/${other.id}/confirm`, { number: 'ft9' })
  assertRefused(used, { status: 409, code: 'payments.number-used', param: 'number' })
  const nothing = await world.api('POST', `${PAYMENTS}/${other.id}/attempts`, { method: 'transfer' })
  assert.match(nothing.body.code, /^[0-9A-Z]{5}-[0-9A-Z]{5}$/, 'a checkout of the merchant’s own gets the code too')
})
