import { tamper } from './database.ts'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawSql } from '#platform/database/db'
import { openChainWorld, type ChainWorld } from './chain.ts'

/** Reorgs, replacements and node faults, through the whole program. */

const small = { amount: '0.00100000', currency: 'BTC', methods: ['bitcoin'] }
/** Needs two confirmations. */
const large = { amount: '0.05000000', currency: 'BTC', methods: ['bitcoin'] }
const priced = { amount: '1500.00', currency: 'KES', methods: ['bitcoin'] }

const arrivalsOf = async (world: ChainWorld, id: string): Promise<string[]> =>
  (await world.payment(id)).attempts[0].arrivals.map(({ status }: { status: string }) => status)

test('replaced in the mempool: with the same, a lower and no payment', async () => {
  await using world = await openChainWorld()
  const [keep, lower, drop] = [await world.invoice(small), await world.invoice(small), await world.invoice(small)]
  for (const [{ uri }, how] of [
    [keep, 'keep'],
    [lower, 'lower'],
    [drop, 'drop'],
  ] as const) {
    const txid = await world.pay(uri)
    await world.poll()
    await world.control('replace', { txid, how })
  }
  await world.poll()
  assert.deepEqual(await arrivalsOf(world, keep.id), ['gone', 'seen'])
  assert.equal((await world.payment(keep.id)).attempts[0].payment_uri, null, 'no further amount is requested')
  assert.deepEqual(await world.paymentState(drop.id), ['open', '0.00000000', ''])
  assert.equal((await world.payment(drop.id)).attempts[0].amount_due, '0.00100000')
  await world.mine()
  assert.deepEqual(await world.paymentState(keep.id), ['paid', '0.00100000', ''])
  assert.deepEqual(await world.paymentState(lower.id), ['open', '0.00050000', 'partial'])
  assert.deepEqual(await world.paymentState(drop.id), ['open', '0.00000000', ''])
})

test('a double spend seen only in a block, an eviction, and a resent payment', async () => {
  await using world = await openChainWorld()
  const [spent, evicted] = [await world.invoice(small), await world.invoice(priced)]
  const txid = await world.pay(spent.uri)
  await world.poll()
  await world.control('replace', { txid, how: 'drop', mined: true })
  await world.poll()
  assert.deepEqual(await world.paymentState(spent.id), ['open', '0.00000000', ''])
  assert.deepEqual(await arrivalsOf(world, spent.id), ['gone'])

  const other = await world.pay(evicted.uri)
  await world.poll()
  await world.control('evict', { txid: other })
  await world.poll()
  assert.deepEqual(await world.paymentState(evicted.id), ['open', '0.00', ''])
  await world.control('resend', { txid: other })
  await world.poll()
  assert.deepEqual(await arrivalsOf(world, evicted.id), ['seen'])
  await world.mine()
  assert.deepEqual(await world.paymentState(evicted.id), ['paid', '1500.00', ''])
})

test('a replaced parent also removes its descendants', async () => {
  await using world = await openChainWorld()
  const { id, address } = await world.invoice(small)
  const before = (await world.control('mine', { blocks: 1 })).height
  assert.ok(before > 0)
  const parent = await world.pay(await newAddress(world), '0.002')
  await world.pay(address, '0.001', { from_unconfirmed: true })
  await world.poll()
  assert.deepEqual(await arrivalsOf(world, id), ['seen'])
  await world.control('replace', { txid: parent, how: 'drop' })
  await world.poll()
  assert.deepEqual(await arrivalsOf(world, id), ['gone'])
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['open', '0.00000000', ''])
})

const newAddress = async (world: ChainWorld): Promise<string> => (await world.invoice(small)).address

test('a reorg before finality: a payment mined again is paid once, a double-spent one disappears', async () => {
  await using world = await openChainWorld()
  const [again, lost] = [await world.invoice(large), await world.invoice(large)]
  await world.pay(again.uri)
  await world.mine()
  assert.deepEqual(await world.paymentState(again.id), ['processing', '0.00000000', ''])
  await world.control('reorg', { depth: 1, how: 'same' })
  await world.poll()
  await world.mine(2)
  assert.deepEqual(await world.paymentState(again.id), ['paid', '0.05000000', ''])

  await world.pay(lost.uri)
  await world.mine()
  await world.control('reorg', { depth: 1, how: 'double-spend' })
  await world.poll()
  assert.deepEqual(await world.paymentState(lost.id), ['open', '0.00000000', ''])
  assert.deepEqual(await arrivalsOf(world, lost.id), ['gone'])
})

test('a reorg deeper than the settlement: the money is reversed once, and counts again when it is mined again', async () => {
  await using world = await openChainWorld()
  const { id, address, amount } = await world.invoice(priced)
  await world.pay(address, amount)
  await world.mine(3)
  assert.deepEqual(await world.paymentState(id), ['paid', '1500.00', ''])
  await world.control('reorg', { depth: 3, how: 'double-spend' })
  await world.poll()
  await world.poll()
  assert.deepEqual(await world.paymentState(id), ['reversed', '0.00', ''])
  assert.deepEqual(await world.balance('KES'), ['0.00', '0.00'])
  assert.ok(
    world.log.entries.some((line) => JSON.stringify(line).includes('bitcoin-reversed')),
    'an alert',
  )
  assert.deepEqual(await arrivalsOf(world, id), ['gone'], 'visible on the payment')
  assert.deepEqual(
    await readReversals(world),
    { status: 'degraded', takenBack: 1, cases: [id] },
    'reported to an operator',
  )
  await world.pay(address, amount)
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '1500.00', ''])
})

/** Returns the health status, and the payments of open cases. */
async function readReversals({ app }: ChainWorld): Promise<object> {
  const { status, detail } = (await app.payments.health?.[0]?.check()) ?? {}
  const { items } = await app.reconciliation.listCases(app.db, { state: 'open', limit: 10 })
  return { status, takenBack: detail?.['takenBack'], cases: items.map(({ intentId }) => intentId) }
}

test('a reversal of spent money becomes debt, which is repaid first', async () => {
  await using world = await openChainWorld()
  const { id, uri } = await world.invoice(priced)
  await world.pay(uri)
  await world.mine()
  const { app, merchantId } = world
  const [from, to] = [`merchant:${merchantId}:available`, 'test:spent'].map((code, i) => ({
    code,
    asset: 'KES/2' as const,
    mayOverdraw: i === 1,
  }))
  assert.ok(from && to)
  const spent = { id: '00000000-0000-4000-8000-000000000001', from, to, amount: 100_000n, kind: 'test.spent', ref: 'x' }
  await app.db.transaction((tx) => app.ledger.post(tx, [spent]))
  await world.control('reorg', { depth: 1, how: 'double-spend' })
  await world.poll()
  assert.deepEqual(await world.paymentState(id), ['reversed', '0.00', ''])
  assert.deepEqual(await world.balance('KES'), ['0.00', '1000.00'])
  const next = await world.invoice(priced)
  await world.pay(next.uri)
  await world.mine()
  assert.deepEqual(await world.balance('KES'), ['500.00', '0.00'])
  assert.deepEqual(await world.broken(), [])
})

/** Halves the price of Bitcoin at all sources and waits until Purser uses it. */
async function crash(world: ChainWorld): Promise<void> {
  await world.api('POST', '/sandbox/prices', { 'BTC/USD': '32500.00' })
  await world.jump(130_000)
}

test('the locked rate covers the requested amount: any excess counts at the rate of its confirmation, in one receipt or several', async () => {
  await using world = await openChainWorld()
  const [once, twice] = [await world.invoice(priced), await world.invoice(priced)]
  await crash(world)
  await world.pay(once.address, (Number(once.amount) * 3).toFixed(8))
  await world.pay(twice.address, twice.amount)
  await world.pay(twice.address, twice.amount)
  await world.mine(3)
  for (const [id, least, most] of [
    [once.id, 2990, 3010],
    [twice.id, 2245, 2255],
  ] as const) {
    const [status, received, flags] = await world.paymentState(id)
    assert.deepEqual([status, flags], ['paid', 'overpaid'])
    assert.ok(Number(received) > least && Number(received) < most, received)
  }
  await world.control('reorg', { depth: 3, how: 'double-spend' })
  await world.poll()
  assert.deepEqual(await world.paymentState(once.id), ['reversed', '0.00', ''])
  assert.deepEqual(await world.balance('KES'), ['0.00', '0.00'])
})

test('a locked rate holds six hours for money detected in time; later confirmations use the current rate', async () => {
  await using world = await openChainWorld()
  const soon = await world.invoice(priced)
  await world.pay(soon.uri)
  await world.poll()
  await crash(world)
  await world.jump(5 * 3_600_000)
  await world.mine()
  assert.deepEqual(await world.paymentState(soon.id), ['paid', '1500.00', ''])

  const next = await world.invoice(priced)
  await world.pay(next.uri)
  await world.poll()
  await world.api('POST', '/sandbox/prices', { 'BTC/USD': '65000.00' })
  await world.jump(7 * 3_600_000)
  await world.mine()
  const [, received] = await world.paymentState(next.id)
  assert.ok(Number(received) > 2990 && Number(received) < 3010, received)
})

test('money that was refunded and then reorged becomes debt, and an open refund link is closed', async () => {
  await using world = await openChainWorld()
  const { refunds } = world.app.payments
  const { merchantId } = world
  const link = async (id: string, amount: string): Promise<{ id: string; secret: string }> => {
    const made = await world.api('POST', `/api/v1/payments/${id}/refunds`, { amount })
    const { claim } = (await refunds.find(world.app.db, { id: made.body.id, merchantId })) ?? {}
    return { id: made.body.id, secret: claim?.secret.reveal() ?? assert.fail('no link') }
  }
  const { id, uri } = await world.invoice(priced)
  await world.pay(uri)
  await world.mine()
  const [sent, open] = [await link(id, '600.00'), await link(id, '500.00')]
  await refunds.claim({ ...sent, place: 'hand', to: 'KCB 77, Jane' })
  await refunds.resolve({ id: sent.id, sent: { number: 'FT1' }, why: '' })
  await world.control('reorg', { depth: 1, how: 'double-spend' })
  await world.poll()
  assert.deepEqual(await world.paymentState(id), ['reversed', '0.00', ''])
  assert.deepEqual(await world.balance('KES'), ['0.00', '600.00'])
  assert.equal((await refunds.find(world.app.db, { id: open.id }))?.status, 'canceled')
  const [excessCase] = (await world.app.reconciliation.listCases(world.app.db, { limit: 10 })).items
  assert.deepEqual(
    [excessCase?.kind, excessCase?.ours?.amount, excessCase?.theirs?.amount],
    ['returned-too-much', 90_000n, 150_000n],
  )
})

test('a node that syncs, warms up or is on another chain: no address is issued or used up, and no payment is lost', async () => {
  await using world = await openChainWorld()
  const { id, address } = await world.invoice(small)
  for (const nodeState of [{ syncing: true }, { chain: 'test' }, { warming_up: true }]) {
    await world.control('node', nodeState)
    await world.jump(16_000)
    const made = await world.api('POST', '/api/v1/payments', small)
    const refused = await world.api('POST', `/api/v1/payments/${made.body.id}/attempts`, { method: 'bitcoin' })
    assert.deepEqual(
      [refused.status, refused.body.status, refused.body.reason, refused.body.address],
      [201, 'failed', 'provider-unavailable', null],
      JSON.stringify(nodeState),
    )
    await world.control('node', { syncing: false, chain: 'regtest', warming_up: false })
    await world.poll()
  }
  const [{ used }] = (await world.database.owner.many<{ used: bigint }>(
    rawSql('select count(*) as used from payments.attempts where address_index is not null'),
  )) as [{ used: bigint }]
  assert.equal(used, 1n)

  await world.control('node', { warming_up: true })
  await world.pay(address, '0.00100000')
  await world.control('mine', { blocks: 2 })
  await world.poll()
  await world.jump(100_000)
  assert.equal(await healthOf(world), 'healthy', 'health recovers soon after a restart')
  await world.jump(60_000)
  assert.equal(await healthOf(world), 'degraded')
  assert.deepEqual(await world.paymentState(id), ['open', '0.00000000', ''])
  await world.control('node', { warming_up: false })
  await world.poll()
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00100000', ''], 'two blocks between two polls')
  assert.equal(await healthOf(world), 'healthy')
})

async function healthOf(world: ChainWorld): Promise<string> {
  const check = world.app.modules.flatMap(({ health = [] }) => health).find(({ name }) => name === 'payments')
  assert.ok(check)
  return (await check.check()).status
}

test('a crash between poll and commit stores nothing, and the next poll finds everything, once', async () => {
  await using world = await openChainWorld()
  const { id, uri } = await world.invoice(priced)
  const { owner } = world.database
  await owner.run(
    rawSql(`create function payments.die() returns trigger language plpgsql as $$begin
      if new.cursor is distinct from old.cursor then raise exception 'the process died'; end if; return new; end$$`),
  )
  await owner.run(
    rawSql('create trigger die before update on payments.watches for each row execute function payments.die()'),
  )
  await world.pay(uri)
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['open', '0.00', ''])
  assert.deepEqual(await arrivalsOf(world, id), [])
  await owner.run(rawSql('drop trigger die on payments.watches'))
  await world.poll()
  assert.deepEqual(await world.paymentState(id), ['paid', '1500.00', ''])
})

test('after a kill during a poll or address allocation, another process continues', async () => {
  await using world = await openChainWorld()
  const { id, address } = await world.invoice(small)
  await world.poll()
  const { owner } = world.database
  // Recreate the state after a kill: the poll is claimed by a process that died, and the rail was called but its response is not stored.
  await owner.run(rawSql(`update payments.watches set claim = claim + 1, claimed_by = '${world.app.jobs.instanceId}'`))
  await tamper(
    world.database,
    rawSql(`update payments.attempts set state = 'submitting', address = null, reference = null, payment_uri = null, due = null,
      due_at = '${world.clock.now().toISOString()}'`),
  )
  await world.pay(address, '0.00100000')
  await world.mine()
  const [attempt] = (await world.payment(id)).attempts
  assert.deepEqual([attempt.status, attempt.address], ['pending', address], 'the same index gives the same address')
  assert.deepEqual(await world.paymentState(id), ['open', '0.00000000', ''])
  await owner.run(rawSql(`update payments.watches set claimed_by = 'dead'`))
  await world.poll()
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00100000', ''])
})

test('two concurrent requests get one address; two payments get two', async () => {
  await using world = await openChainWorld()
  const made = await world.api('POST', '/api/v1/payments', priced)
  const ask = (id: string): Promise<{ body: { address: string | null } }> =>
    world.api('POST', `/api/v1/payments/${id}/attempts`, { method: 'bitcoin' })
  await Promise.all([ask(made.body.id), ask(made.body.id), ask(made.body.id)])
  const attempts = (await world.payment(made.body.id)).attempts
  assert.equal(attempts.length, 1)
  const many = await Promise.all(Array.from({ length: 6 }, () => world.invoice(small)))
  assert.equal(new Set([attempts[0].address, ...many.map(({ address }) => address)]).size, 7)
})

test('two processes: one poll at a time, and a slow poll does not overwrite a newer one', async () => {
  await using world = await openChainWorld()
  const { id, uri } = await world.invoice(small)
  const queue = world.app.modules
    .flatMap(({ queues = [] }) => queues)
    .find(({ name }) => name === 'payments.watch-bitcoin')
  assert.ok(queue)
  await world.poll()
  await world.pay(uri)
  await world.control('mine')
  const later = (ms: number): Date => new Date(world.clock.now().getTime() + ms)
  const [slow] = await queue.claim(1, later(10_000), 'one')
  assert.ok(slow)
  assert.deepEqual(await queue.claim(1, later(20_000), 'two'), [], 'while the claim is valid')
  await world.database.owner.run(rawSql('update payments.watches set claimed_by = null'))
  const [fast] = await queue.claim(1, later(20_000), 'two')
  assert.ok(fast)
  const { signal } = new AbortController()
  await Promise.all([queue.handle(slow, signal), queue.handle(fast, signal)])
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00100000', ''])
  assert.equal((await world.payment(id)).attempts[0].arrivals.length, 1)
})

test('a node notification triggers a poll, and polling finds what notifications missed', async () => {
  await using world = await openChainWorld()
  const { id, uri } = await world.invoice(small)
  await world.poll()
  await world.control('node', { lose_events: 5 })
  await world.pay(uri)
  await world.mine()
  assert.deepEqual(await world.paymentState(id), ['paid', '0.00100000', ''])
})

test('more addresses than a wallet’s gap limit give a warning', async () => {
  await using world = await openChainWorld()
  for (let i = 0; i < 22; i++) await world.invoice(small)
  assert.ok(world.log.entries.some((line) => JSON.stringify(line).includes('gap limit')))
})

test('a poll that the database cannot store keeps its cursor, so that no payment is skipped', async () => {
  await using world = await openChainWorld()
  const [stored, refused] = [await world.invoice(small), await world.invoice(small)]
  const { owner } = world.database
  await owner.run(
    rawSql(`create function payments.exhaust() returns trigger language plpgsql as $$begin
      if new.intent_id = '${refused.id}' and new.state is distinct from 'pending' then
        raise exception 'out of memory' using errcode = '53200'; end if; return new; end$$`),
  )
  await owner.run(
    rawSql(
      'create trigger exhaust before update on payments.attempts for each row execute function payments.exhaust()',
    ),
  )
  for (const { uri } of [stored, refused]) await world.pay(uri)
  await world.mine()
  assert.deepEqual(await world.paymentState(refused.id), ['open', '0.00000000', ''])
  await owner.run(rawSql('drop trigger exhaust on payments.attempts'))
  // Failed polls are repeated with backoff.
  for (let i = 0; i < 10; i++) await world.poll()
  for (const { id } of [stored, refused]) assert.deepEqual(await world.paymentState(id), ['paid', '0.00100000', ''])
})
