import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { openWorld } from '../world.ts'
import { assertBooksHold, assertRefused, create, ledgerBalance, paid, PAYMENTS } from './shop.ts'

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const balance = async (query = ''): Promise<any> => {
  const answer = await world.api('GET', `/api/v1/balance${query}`)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}
const row = (currency: string, available: string) => ({ currency, available, pending: '0.00', debt: '0.00' })

void test('a merchant without money has no balance rows, and zero in any currency', async () => {
  assert.deepEqual(await balance(), { object: 'balance', livemode: false, balances: [] })
  assert.deepEqual((await balance('?currency=KES')).balances, [row('KES', '0.00')])
  assert.deepEqual((await balance('?currency=JPY')).balances, [
    { currency: 'JPY', available: '0', pending: '0', debt: '0' },
  ])
})

void test('an unpaid payment does not change the balance', async () => {
  await create(world)
  assert.deepEqual((await balance()).balances, [])
})

void test('paid money is available per currency and equals the ledger', async () => {
  await paid(world)
  await paid(world, { amount: '7' })
  assert.deepEqual((await balance()).balances, [row('KES', '1507.00')])
  const { id } = await create(world, { currency: 'USD', amount: '20.25' })
  const { body: attempt } = await world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'card' })
  const form = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Asha' })
  await fetch(attempt.redirect_url, { method: 'POST', body: form })
  await world.advance(5000)
  assert.deepEqual((await balance()).balances, [row('KES', '1507.00'), row('USD', '20.25')])
  assert.deepEqual((await balance('?currency=USD')).balances, [row('USD', '20.25')])
  assert.deepEqual([await ledgerBalance(world), await ledgerBalance(world, 'USD')], ['1507.00', '20.25'])
  await assertBooksHold(world)
})

void test('each merchant sees its own balance', async () => {
  const { identity, db } = world.app
  const actor = { type: 'system', id: 'test' } as const
  const secret = await db.transaction(async (tx) => {
    const { id: merchantId } = await identity.createMerchant(tx, { name: 'Another' }, actor)
    return (await identity.createKey(tx, { merchantId, name: 'test' }, actor)).secret
  })
  const { body } = await world.api('GET', '/api/v1/balance', undefined, { authorization: `Bearer ${secret}` })
  assert.deepEqual(body.balances, [])
})

void test('an unknown currency is refused', async () => {
  for (const [query, says] of [
    ['currency=KEX', /not known.*KES/],
    ['currency=kes', /capitals/],
    ['currency=', /capitals/],
  ] as const) {
    const answer = await world.api('GET', `/api/v1/balance?${query}`)
    assertRefused(answer, { status: 422, code: 'validation-failed', param: 'currency', says }, query)
  }
})
