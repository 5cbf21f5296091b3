import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { assertBooksHold } from './api/shop.ts'
import { openChainWorld, type ChainWorld } from './chain.ts'
import { receiptsOf } from './outcome.ts'

/**
 * Tests the node and the price sources with every fault, through the whole program. While the node is faulty no address is issued and
 * nothing is credited; then the payment ends paid and counted once. While one price source is faulty the others determine the rate.
 */

const PRICED = { amount: '1500.00', currency: 'KES', methods: ['bitcoin'], expires_in: 24 * 3600 }
const FAULTS = ['down', 'slow', '429', '500', '500-after-acting', 'cut', 'invalid-json', 'wrong-types', 'huge'] as const

const plan = async (world: ChainWorld, who: string, kind: string, count: number): Promise<void> => {
  const fault = { kind, count, ...(kind === 'slow' ? { delay_ms: 200 } : {}) }
  const { status, body } = await world.api('POST', `/sandbox/${who}/faults`, fault)
  assert.equal(status, 200, JSON.stringify(body))
}

const healthOf = async (world: ChainWorld): Promise<string | undefined> =>
  (await world.app.payments.health?.[0]?.check())?.status

/** Requests an address, waiting after each refusal as a payer would. */
async function begin(world: ChainWorld, id: string): Promise<{ uri: string; refused: string[] }> {
  const refused: string[] = []
  for (let tries = 0; tries < 6; tries++) {
    const { status, body } = await world.api('POST', `/api/v1/payments/${id}/attempts`, { method: 'bitcoin' })
    assert.equal(status, 201, JSON.stringify(body))
    if (body.status === 'pending') return { uri: body.payment_uri, refused }
    refused.push(body.failure_reason ?? body.reason)
    await world.poll()
  }
  throw new Error(`no address: ${refused.join()}`)
}

void describe('a faulty Bitcoin node', () => {
  void test('the payment ends paid and counted once, whatever the node answers', async (t) => {
    await using world = await openChainWorld()
    for (const when of ['start', 'later'] as const)
      for (const kind of FAULTS)
        await t.test(`${kind}, ${when}`, async () => {
          const { body } = await world.api('POST', '/api/v1/payments', PRICED)
          // The node's health is cached for a while.
          await world.jump(20_000)
          if (when === 'start') await plan(world, 'bitcoin', kind, 2)
          const { uri, refused } = await begin(world, body.id)
          if (when === 'start' && kind !== 'slow') assert.deepEqual(new Set(refused), new Set(['provider-unavailable']))
          await world.pay(uri)
          if (when === 'later') await plan(world, 'bitcoin', kind, 2)
          for (let i = 0; i < 4; i++) await world.mine()
          assert.deepEqual(await world.paymentState(body.id), ['paid', '1500.00', ''])
          assert.equal((await receiptsOf(world, body.id)).count, 1)
          const { body: planned } = await world.api('GET', '/sandbox/bitcoin/faults')
          assert.deepEqual(planned.faults, [], 'every planned fault occurred')
        })
    await assertBooksHold(world)
  })

  for (const [nodeState, well] of [
    [{ syncing: true }, { syncing: false }],
    [{ warming_up: true }, { warming_up: false }],
    [{ chain: 'main' }, { chain: 'regtest' }],
  ] as const)
    void test(`${JSON.stringify(nodeState)}: no address is issued, health reports it, and all payments are found afterwards`, async () => {
      await using world = await openChainWorld()
      const { id, uri } = await world.invoice(PRICED)
      await world.control('node', nodeState)
      await world.pay(uri)
      await world.control('mine', {})
      for (let i = 0; i < 15; i++) await world.poll()
      assert.deepEqual(await world.paymentState(id), ['open', '0.00', ''], 'nothing is credited')
      assert.equal(await healthOf(world), 'degraded')
      const other = await world.api('POST', '/api/v1/payments', PRICED)
      const { body } = await world.api('POST', `/api/v1/payments/${other.body.id}/attempts`, { method: 'bitcoin' })
      assert.equal(body.status, 'failed', JSON.stringify(body))
      await world.control('node', well)
      await world.poll()
      await world.poll()
      assert.deepEqual(await world.paymentState(id), ['paid', '1500.00', ''])
      assert.equal(await healthOf(world), 'healthy')
      await assertBooksHold(world)
    })
})

const SOURCES = { coingecko: 'CoinGecko', coinbase: 'Coinbase', kraken: 'Kraken' } as const
const satsOf = (amount: string): bigint => BigInt(amount.replace('.', ''))

/** Faults that exclude the source from the rate. `slow` does not. */
const SILENCING = ['down', '429', '500', 'cut', 'invalid-json', 'wrong-types', 'huge', 'lying'] as const

void describe('a faulty price source', () => {
  for (const [source, name] of Object.entries(SOURCES))
    void test(`${name}: the others determine the right rate`, async (t) => {
      await using world = await openChainWorld()
      const honest = Number(satsOf((await world.invoice(PRICED)).amount))
      for (const kind of [...SILENCING, ...(source === 'coingecko' ? ['stale'] : [])])
        await t.test(kind, async () => {
          await plan(world, source, kind, 100_000)
          // Wait until the earlier prices of the source are too old.
          for (let i = 0; i < 8; i++) await world.jump(61_000)
          const { id, amount } = await world.invoice(PRICED)
          const [{ rate }] = (await world.payment(id)).attempts
          const ratio = Number(satsOf(amount)) / honest
          assert.ok(ratio > 0.97 && ratio < 1.03, `requested ${ratio} of the right amount`)
          // A source that lies by the same factor about everything still has right rates between two currencies.
          if (kind !== 'lying') assert.ok(!rate.sources.includes(source), rate.sources.join())
          await plan(world, source, kind, 0)
          for (let i = 0; i < 8; i++) await world.jump(61_000)
        })
      const { id } = await world.invoice(PRICED)
      assert.equal(
        (await world.payment(id)).attempts[0].rate.sources.length,
        3,
        'after recovery the source is used again',
      )
    })

  void test('all sources down: the last good rate with its age while it is fresh, then a refusal that names the sources', async () => {
    await using world = await openChainWorld()
    await world.invoice(PRICED)
    for (const source of Object.keys(SOURCES)) await plan(world, source, 'down', 100_000)
    await world.jump(120_000)
    const { id } = await world.invoice(PRICED)
    const [{ rate }] = (await world.payment(id)).attempts
    assert.ok(world.clock.now().getTime() - new Date(rate.at).getTime() >= 120_000, rate.at)
    await world.jump(15 * 60_000)
    const made = await world.api('POST', '/api/v1/payments', PRICED)
    const refused = await world.api('POST', `/api/v1/payments/${made.body.id}/attempts`, { method: 'bitcoin' })
    assert.deepEqual([refused.status, refused.body.error.code], [503, 'rates.unavailable'])
    assert.match(refused.body.error.message, /CoinGecko.*Coinbase.*Kraken/)
  })
})
