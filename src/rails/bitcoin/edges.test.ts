import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRailBench } from '../../../test/rails.ts'
import { openTestChain, type TestChain } from './test-chain.ts'

const openTrial = async (changed?: Record<string, string>): Promise<TestChain> =>
  openTestChain(await openRailBench(), changed)

test('a payment is reported at once, and is final after the confirmations that its amount needs', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address, attemptId, paymentUri } = await desk.invoice(5_000_000n)
  assert.equal(paymentUri, `bitcoin:${address}?amount=0.05&label=Mama%20Njeri&message=Order%2042`)
  assert.deepEqual(await desk.poll(), [])
  const txid = await pay(address, 5_000_000n)
  const [fact] = await desk.poll()
  assert.deepEqual(fact?.about, { attemptId })
  assert.ok(fact.outcome.kind === 'received' && !fact.needsCheck)
  assert.equal(fact.outcome.receipts[0]?.id.split(':')[0], txid)
  assert.deepEqual(fact.outcome.receipts[0]?.confirmations, { have: 0, need: 2 })
  assert.deepEqual([desk.waiting(), desk.counted()], [5_000_000n, 0n])
  await control('mine')
  await desk.poll()
  assert.deepEqual(desk.receipts()[0]?.confirmations, { have: 1, need: 2 })
  assert.deepEqual(await desk.poll(), [], 'nothing new')
  await control('mine')
  await desk.poll()
  assert.deepEqual([desk.waiting(), desk.counted()], [0n, 5_000_000n])
  await control('mine', { blocks: 120 })
  assert.deepEqual(await desk.poll(), [])
  assert.ok(!desk.cursor?.includes(txid), 'a buried deposit leaves the cursor')
})

test('exact, smaller, larger and split payments: each output is its own receipt', async () => {
  await using trial = await openTrial({ BITCOIN_TOLERANCE_PERCENT: '0.5' })
  const { desk, control, pay, rail } = trial
  const one = await desk.invoice(100_000n)
  const two = await desk.invoice(100_000n)
  await pay(one.address, 60_000n)
  await desk.poll()
  await pay(one.address, 39_499n)
  await pay(two.address, 250_000n)
  await control('mine')
  await desk.poll()
  assert.deepEqual([desk.counted(one.attemptId), desk.counted(two.attemptId)], [99_499n, 250_000n])
  const least = 100_000n - (rail.tolerance?.({ asset: 'BTC/8', amount: 100_000n }) ?? 0n)
  assert.equal(least, 99_500n, 'one sat more would have been enough')
  await pay(one.address, 1n + 546n)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(one.attemptId), 100_046n)
})

test('two outputs to one address in one transaction, and one transaction for two invoices', async () => {
  await using trial = await openTrial()
  const { desk, control } = trial
  const [one, two] = [await desk.invoice(30_000n), await desk.invoice(40_000n)]
  const outputs = [
    { address: one.address, amount: '0.0001' },
    { address: two.address, amount: '0.0004' },
    { address: one.address, amount: '0.0002' },
  ]
  const txid = await control('pay', { outputs })
  await control('mine')
  await desk.poll()
  assert.deepEqual([desk.counted(one.attemptId), desk.counted(two.attemptId)], [30_000n, 40_000n])
  const ids = desk.receipts().map(({ id }) => id)
  assert.deepEqual(ids.toSorted(), [`${txid}:0`, `${txid}:1`, `${txid}:2`])
})

test('late payments and repeated payments to a used address are reported like any other', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address, attemptId } = await desk.invoice(20_000n)
  await desk.poll()
  await control('mine', { blocks: 200, empty: true })
  await pay(address, 20_000n)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 20_000n)
  await control('mine', { blocks: 150 })
  await desk.poll()
  await pay(address, 20_000n)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(attemptId), 40_000n)
})

test('a deposit is followed until it is final, even when its attempt is no longer watched', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address, attemptId } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await desk.poll()
  desk.forget(attemptId)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 20_000n)
})

test('nodes do not relay dust, but dust in a block counts', async () => {
  await using trial = await openTrial()
  const { desk, pay, refusal, rail } = trial
  const { address } = await desk.invoice(20_000n)
  assert.match(await refusal('pay', { address, amount: '0.00000293' }), /dust/)
  await pay(address, 293n, { mined: true })
  await desk.poll()
  assert.equal(desk.counted(), 293n)
  assert.equal(rail.limits('BTC/8').min, 1000n)
})

test('a block reward is final when it can be spent', async () => {
  await using trial = await openTrial()
  const { desk, control } = trial
  const { address } = await desk.invoice(20_000n)
  await control('mine', { address })
  await desk.poll()
  assert.deepEqual(desk.receipts()[0]?.confirmations, { have: 1, need: 100 })
  await control('mine', { blocks: 98 })
  await desk.poll()
  assert.equal(desk.counted(), 0n)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 5_000_000_000n)
})

for (const [how, left] of [
  ['keep', 20_000n],
  ['lower', 10_000n],
  ['drop', 0n],
] as const) {
  test(`an unconfirmed payment is replaced, and the replacement changes our output: ${how}`, async () => {
    await using trial = await openTrial()
    const { desk, control, pay } = trial
    const { address } = await desk.invoice(20_000n)
    const txid = await pay(address, 20_000n, { replaceable: false })
    await desk.poll()
    const by = await control('replace', { txid, how })
    const facts = await desk.poll()
    const reversal = facts.find(({ outcome }) => outcome.kind === 'reversed')?.outcome
    assert.ok(reversal?.kind === 'reversed')
    assert.equal(reversal.reason, `replaced by ${by}`)
    assert.equal(desk.waiting(), left)
    await control('mine')
    await desk.poll()
    assert.equal(desk.counted(), left)
  })
}

test('a double spend that appears in a block only is a reversal', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address } = await desk.invoice(20_000n)
  const txid = await pay(address, 20_000n)
  await desk.poll()
  await control('replace', { txid, how: 'drop', mined: true })
  const [fact] = await desk.poll()
  assert.ok(fact?.outcome.kind === 'reversed')
  assert.equal(fact.outcome.reason, 'another transaction spent its inputs')
  assert.deepEqual([desk.waiting(), desk.counted()], [0n, 0n])
})

test('a payment that is evicted from the mempool and sent again counts once', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address } = await desk.invoice(20_000n)
  const txid = await pay(address, 20_000n)
  await desk.poll()
  await control('evict', { txid })
  const [fact] = await desk.poll()
  assert.ok(fact?.outcome.kind === 'reversed')
  assert.equal(fact.outcome.reason, 'its transaction is in no block and not in the mempool')
  assert.equal(desk.waiting(), 0n)
  await control('resend', { txid })
  await desk.poll()
  assert.equal(desk.waiting(), 20_000n)
  await control('mine')
  await desk.poll()
  assert.deepEqual([desk.waiting(), desk.counted(), desk.receipts().length], [0n, 20_000n, 1])
})

test('a payment is reversed when its unconfirmed parent is replaced', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address } = await desk.invoice(20_000n)
  const other = await desk.invoice(50_000n)
  const parent = await pay(other.address, 50_000n)
  await pay(address, 20_000n, { from_unconfirmed: true })
  await desk.poll()
  assert.equal(desk.waiting(), 70_000n)
  await control('replace', { txid: parent, how: 'keep' })
  await desk.poll()
  assert.equal(desk.waiting(), 50_000n)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 50_000n)
})

test('unconfirmed money is final only if the tier allows it, and never while it can be replaced', async () => {
  await using trial = await openTrial({ BITCOIN_CONFIRMATIONS: '0.001:0,*:1' })
  const { desk, pay, control } = trial
  const [safe, replaceable, child, large] = [
    await desk.invoice(50_000n),
    await desk.invoice(50_000n),
    await desk.invoice(50_000n),
    await desk.invoice(900_000n),
  ]
  await pay(safe.address, 50_000n, { replaceable: false })
  await desk.poll()
  assert.equal(desk.counted(safe.attemptId), 50_000n)
  assert.equal(desk.receipts(safe.attemptId)[0]?.risk, 'unconfirmed')
  await pay(replaceable.address, 50_000n, { replaceable: true })
  await pay(child.address, 50_000n, { replaceable: false, from_unconfirmed: true })
  // Many small payments do not evade the tier of the large attempt.
  for (let i = 0; i < 9; i++) await pay(large.address, 100_000n, { replaceable: false })
  await desk.poll()
  assert.equal(desk.counted(), 50_000n)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 50_000n * 3n + 900_000n)
})

test('many blocks between two polls, a poll that is not saved, and a repeated poll', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const one = await desk.invoice(20_000n)
  const two = await desk.invoice(30_000n)
  await desk.poll()
  await pay(one.address, 20_000n)
  await control('mine', { blocks: 2 })
  await pay(two.address, 30_000n)
  await control('mine', { blocks: 200 })
  const lost = await desk.pollWithoutSaving()
  const again = await desk.pollWithoutSaving()
  assert.ok(lost.length > 0)
  assert.deepEqual(again, lost)
  await desk.poll()
  assert.deepEqual([desk.counted(one.attemptId), desk.counted(two.attemptId)], [20_000n, 30_000n])
  assert.deepEqual(await desk.poll(), [])
})

test('a payment is found even when its address is watched only after its block was read', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address, attemptId } = await desk.invoice(20_000n)
  const watched = { attemptId, reference: address, amount: { asset: 'BTC/8', amount: 20_000n } } as const
  desk.forget(attemptId)
  await desk.poll()
  await pay(address, 20_000n)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 0n)
  const { facts } = (await trial.rail.watch?.poll(desk.cursor, [watched])) ?? {}
  assert.equal(facts?.length, 1)
})

test('finds one paid invoice among more than a thousand unpaid ones', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  for (let i = 0; i < 1100; i++) await desk.invoice(20_000n)
  const { address, attemptId } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(attemptId), 20_000n)
})

test('a reorg that moves a final payment to another block reports nothing', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 20_000n)
  for (const how of ['same', 'wait']) {
    await control('reorg', { depth: 1, how })
    assert.deepEqual(await desk.poll(), [], how)
  }
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 20_000n)
})

test('a reorg removes the block of a payment that is not final, and another block confirms it', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address } = await desk.invoice(50_000_000n)
  await pay(address, 50_000_000n)
  await control('mine', { blocks: 2 })
  await desk.poll()
  assert.deepEqual(desk.receipts()[0]?.confirmations, { have: 2, need: 3 })
  await control('reorg', { depth: 2, blocks: 3, how: 'wait' })
  await desk.poll()
  assert.deepEqual(desk.receipts()[0]?.confirmations, { have: 0, need: 3 })
  await control('mine', { blocks: 3 })
  await desk.poll()
  assert.equal(desk.counted(), 50_000_000n)
})

test('a double spend in a reorg deeper than finality reverses the money once', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await control('mine', { blocks: 3 })
  await desk.poll()
  assert.equal(desk.counted(), 20_000n)
  await control('reorg', { depth: 3, how: 'double-spend' })
  const facts = await desk.poll()
  assert.deepEqual(
    facts.map(({ outcome }) => outcome.kind),
    ['reversed'],
  )
  assert.equal(desk.counted(), 0n)
  await control('mine', { blocks: 120 })
  assert.deepEqual(await desk.poll(), [])
})

test('final money whose transaction vanished is reversed after six blocks; when it arrives again it is a new receipt', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address } = await desk.invoice(20_000n)
  const txid = await pay(address, 20_000n)
  await control('mine')
  await desk.poll()
  await control('reorg', { depth: 1, how: 'evict' })
  assert.deepEqual(await desk.poll(), [])
  await control('mine', { blocks: 5 })
  assert.deepEqual(await desk.poll(), [])
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 0n)
  await control('mine', { blocks: 150 })
  await desk.poll()
  await control('resend', { txid })
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 20_000n)
  assert.match(desk.receipts()[0]?.id ?? '', /^[0-9a-f]{64}:\d:again:1$/)
})
