import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertBooksHold, available, create, find, ledgerBalance, prompt } from './api/shop.ts'
import { receiptsOf } from './outcome.ts'
import { createRandom } from './random.ts'
import { openWorld } from './world.ts'

/** Pays, but its callback is lost. */
const LOST = '254700000011'

/** Shillings that a phone pays of a requested amount after its prompts were answered. A missing phone pays nothing. */
const PAYS: Readonly<Record<string, (asked: number) => number>> = {
  '254700000001': (asked) => asked,
  '254700000002': () => 0,
  '254700000003': () => 0,
  '254700000004': () => 0,
  '254700000005': (asked) => asked,
  '254700000006': (asked) => asked,
  '254700000007': (asked) => asked,
  '254700000008': (asked) => asked,
  '254700000009': (asked) => asked - 1,
  '254700000010': (asked) => asked,
  [LOST]: () => 0,
}

const shillings = (amount: number): string => `${amount}.00`

for (const seed of [1, 20_261_122, 4_000_000_007]) {
  void test(`many payments from all phones in random order, seed ${seed}: each is counted once and the books hold`, async () => {
    const random = createRandom(seed)
    await using world = await openWorld()
    const phones = Object.keys(PAYS)
    const expected = new Map<string, { amount: number; phone: string }>()
    const begin = async (): Promise<void> => {
      const amount = 10 + random(5000)
      const phone = phones[random(phones.length)] ?? ''
      const { id } = await create(world, { amount: String(amount), methods: ['mpesa'], expires_in: 3600 })
      expected.set(id, { amount: PAYS[phone]?.(amount) ?? 0, phone })
      assert.equal((await prompt(world, id, phone)).status, 201)
    }
    for (let wave = 0; wave < 6; wave++) {
      await Promise.all(Array.from({ length: 10 }, begin))
      // Time passes while some attempts are pending. One of the phones repeats an old callback.
      await world.advance(1000 * random(5))
      await world.api('POST', `/sandbox/phone/${phones[random(phones.length)] ?? ''}/callback`, {})
      assert.deepEqual(await world.broken(), [], 'also in the middle')
    }
    await world.advance(4 * 60_000)
    let total = 0
    for (const [id, { amount, phone }] of expected) {
      const payment = await find(world, id)
      const late = payment.attempts[0]
      // A lost payment is known only when its callback was sent manually.
      const lost = phone === LOST && late.status === 'settled' ? Number(payment.amount) : amount
      assert.equal(payment.amount_received, shillings(lost), JSON.stringify(payment))
      assert.equal(
        payment.status,
        payment.amount_received === payment.amount ? 'paid' : 'open',
        JSON.stringify(payment),
      )
      assert.ok((await receiptsOf(world, id)).count <= 1)
      total += lost
    }
    assert.deepEqual([await available(world), await ledgerBalance(world)], [shillings(total), shillings(total)])
    await assertBooksHold(world)
  })
}
