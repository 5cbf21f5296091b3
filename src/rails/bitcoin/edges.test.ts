import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openRailBench } from '../../../test/rails.ts'
import { openChainTrial, type ChainTrial } from './chaintrial.ts'

const openTrial = async (changed?: Record<string, string>): Promise<ChainTrial> =>
  openChainTrial(await openRailBench(), changed)

test('a payment is seen at once, and final after as many blocks as its amount needs', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address, attemptId, paymentUri } = await desk.invoice(5_000_000n)
  assert.equal(paymentUri, `bitcoin:${address}?amount=0.05&label=Mama%20Njeri&message=Order%2042`)
  assert.deepEqual(await desk.look(), [])
  const txid = await pay(address, 5_000_000n)
  const [fact] = await desk.look()
  assert.deepEqual(fact?.about, { attemptId })
  assert.ok(fact.outcome.kind === 'received' && !fact.needsCheck)
  assert.equal(fact.outcome.receipts[0]?.id.split(':')[0], txid)
  assert.deepEqual(fact.outcome.receipts[0]?.confirmations, { have: 0, need: 2 })
  assert.deepEqual([desk.waiting(), desk.counted()], [5_000_000n, 0n])
  await control('mine')
  await desk.look()
  assert.deepEqual(desk.receipts()[0]?.confirmations, { have: 1, need: 2 })
  assert.deepEqual(await desk.look(), [], 'nothing new')
  await control('mine')
  await desk.look()
  assert.deepEqual([desk.waiting(), desk.counted()], [0n, 5_000_000n])
  await control('mine', { blocks: 120 })
  assert.deepEqual(await desk.look(), [])
  assert.ok(!desk.cursor?.includes(txid), 'buried, it is no longer looked at')
})

test('exact, less, more, in several parts: each arrival is a receipt of its own and nothing is lost', async () => {
  await using trial = await openTrial({ BITCOIN_TOLERANCE_PERCENT: '0.5' })
  const { desk, control, pay, rail } = trial
  const one = await desk.invoice(100_000n)
  const two = await desk.invoice(100_000n)
  await pay(one.address, 60_000n)
  await desk.look()
  await pay(one.address, 39_499n)
  await pay(two.address, 250_000n)
  await control('mine')
  await desk.look()
  assert.deepEqual([desk.counted(one.attemptId), desk.counted(two.attemptId)], [99_499n, 250_000n])
  const least = 100_000n - (rail.tolerance?.({ asset: 'BTC/8', amount: 100_000n }) ?? 0n)
  assert.equal(least, 99_500n, 'one sat more would have been enough')
  await pay(one.address, 1n + 546n)
  await control('mine')
  await desk.look()
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
  await desk.look()
  assert.deepEqual([desk.counted(one.attemptId), desk.counted(two.attemptId)], [30_000n, 40_000n])
  const ids = desk.receipts().map(({ id }) => id)
  assert.deepEqual(ids.toSorted(), [`${txid}:0`, `${txid}:1`, `${txid}:2`])
})

test('money that comes late, after all was paid, or to an address used before is told as any other', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address, attemptId } = await desk.invoice(20_000n)
  await desk.look()
  await control('mine', { blocks: 200, empty: true })
  await pay(address, 20_000n)
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 20_000n)
  await control('mine', { blocks: 150 })
  await desk.look()
  await pay(address, 20_000n)
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(attemptId), 40_000n)
})

test('what was seen is followed to its end even when its attempt is no longer watched', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address, attemptId } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await desk.look()
  desk.forget(attemptId)
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 20_000n)
})

test('dust is not passed on; a miner may still put it into a block, and then it counts', async () => {
  await using trial = await openTrial()
  const { desk, pay, refusal, rail } = trial
  const { address } = await desk.invoice(20_000n)
  assert.match(await refusal('pay', { address, amount: '0.00000293' }), /dust/)
  await pay(address, 293n, { mined: true })
  await desk.look()
  assert.equal(desk.counted(), 293n)
  assert.equal(rail.limits('BTC/8').min, 1000n)
})

test('a block’s reward is final when it can be spent', async () => {
  await using trial = await openTrial()
  const { desk, control } = trial
  const { address } = await desk.invoice(20_000n)
  await control('mine', { address })
  await desk.look()
  assert.deepEqual(desk.receipts()[0]?.confirmations, { have: 1, need: 100 })
  await control('mine', { blocks: 98 })
  await desk.look()
  assert.equal(desk.counted(), 0n)
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 5_000_000_000n)
})

for (const [how, left] of [
  ['keep', 20_000n],
  ['lower', 10_000n],
  ['drop', 0n],
] as const) {
  test(`a payment that waits is replaced by one that has our output: ${how}`, async () => {
    await using trial = await openTrial()
    const { desk, control, pay } = trial
    const { address } = await desk.invoice(20_000n)
    const txid = await pay(address, 20_000n, { replaceable: false })
    await desk.look()
    const by = await control('replace', { txid, how })
    const facts = await desk.look()
    const gone = facts.find(({ outcome }) => outcome.kind === 'reversed')?.outcome
    assert.ok(gone?.kind === 'reversed')
    assert.equal(gone.reason, `replaced by ${by}`)
    assert.equal(desk.waiting(), left)
    await control('mine')
    await desk.look()
    assert.equal(desk.counted(), left)
  })
}

test('a double spend that only a block shows', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address } = await desk.invoice(20_000n)
  const txid = await pay(address, 20_000n)
  await desk.look()
  await control('replace', { txid, how: 'drop', mined: true })
  const [fact] = await desk.look()
  assert.ok(fact?.outcome.kind === 'reversed')
  assert.equal(fact.outcome.reason, 'its coins were spent otherwise')
  assert.deepEqual([desk.waiting(), desk.counted()], [0n, 0n])
})

test('a payment that the mempool forgot comes back, and counts once', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address } = await desk.invoice(20_000n)
  const txid = await pay(address, 20_000n)
  await desk.look()
  await control('evict', { txid })
  const [fact] = await desk.look()
  assert.ok(fact?.outcome.kind === 'reversed')
  assert.equal(fact.outcome.reason, 'neither in a block nor waiting for one')
  assert.equal(desk.waiting(), 0n)
  await control('resend', { txid })
  await desk.look()
  assert.equal(desk.waiting(), 20_000n)
  await control('mine')
  await desk.look()
  assert.deepEqual([desk.waiting(), desk.counted(), desk.receipts().length], [0n, 20_000n, 1])
})

test('a payment whose parent is replaced goes with it', async () => {
  await using trial = await openTrial()
  const { desk, control, pay } = trial
  const { address } = await desk.invoice(20_000n)
  const other = await desk.invoice(50_000n)
  const parent = await pay(other.address, 50_000n)
  await pay(address, 20_000n, { from_unconfirmed: true })
  await desk.look()
  assert.equal(desk.waiting(), 70_000n)
  await control('replace', { txid: parent, how: 'keep' })
  await desk.look()
  assert.equal(desk.waiting(), 50_000n)
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 50_000n)
})

test('unconfirmed money is final only where it is allowed, and never when it may be replaced', async () => {
  await using trial = await openTrial({ BITCOIN_CONFIRMATIONS: '0.001:0,*:1' })
  const { desk, pay, control } = trial
  const [safe, signals, hangs, large] = [
    await desk.invoice(50_000n),
    await desk.invoice(50_000n),
    await desk.invoice(50_000n),
    await desk.invoice(900_000n),
  ]
  await pay(safe.address, 50_000n, { replaceable: false })
  await desk.look()
  assert.equal(desk.counted(safe.attemptId), 50_000n)
  assert.equal(desk.receipts(safe.attemptId)[0]?.risk, 'unconfirmed')
  await pay(signals.address, 50_000n, { replaceable: true })
  await pay(hangs.address, 50_000n, { replaceable: false, from_unconfirmed: true })
  // Many small ones do not slip under the tier of the large one that was asked for.
  for (let i = 0; i < 9; i++) await pay(large.address, 100_000n, { replaceable: false })
  await desk.look()
  assert.equal(desk.counted(), 50_000n)
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 50_000n * 3n + 900_000n)
})

test('many blocks between two looks, a look that is lost, and a look repeated', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const one = await desk.invoice(20_000n)
  const two = await desk.invoice(30_000n)
  await desk.look()
  await pay(one.address, 20_000n)
  await control('mine', { blocks: 2 })
  await pay(two.address, 30_000n)
  await control('mine', { blocks: 200 })
  const lost = await desk.lookInVain()
  const again = await desk.lookInVain()
  assert.ok(lost.length > 0)
  assert.deepEqual(again, lost)
  await desk.look()
  assert.deepEqual([desk.counted(one.attemptId), desk.counted(two.attemptId)], [20_000n, 30_000n])
  assert.deepEqual(await desk.look(), [])
})

test('an address that is watched only after its block was looked at is found', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address, attemptId } = await desk.invoice(20_000n)
  const watched = { attemptId, reference: address, amount: { asset: 'BTC/8', amount: 20_000n } } as const
  desk.forget(attemptId)
  await desk.look()
  await pay(address, 20_000n)
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 0n)
  const { facts } = (await trial.rail.watch?.look(desk.cursor, [watched])) ?? {}
  assert.equal(facts?.length, 1)
})

test('more than a thousand invoices that nobody paid, and one that somebody did', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  for (let i = 0; i < 1100; i++) await desk.invoice(20_000n)
  const { address, attemptId } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(attemptId), 20_000n)
})

test('a chain that is reorganised: the same payment in another block is no news', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 20_000n)
  for (const how of ['same', 'wait']) {
    await control('reorg', { depth: 1, how })
    assert.deepEqual(await desk.look(), [], how)
  }
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 20_000n)
})

test('a payment that waits for more blocks loses its block and gets another', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address } = await desk.invoice(50_000_000n)
  await pay(address, 50_000_000n)
  await control('mine', { blocks: 2 })
  await desk.look()
  assert.deepEqual(desk.receipts()[0]?.confirmations, { have: 2, need: 3 })
  await control('reorg', { depth: 2, blocks: 3, how: 'wait' })
  await desk.look()
  assert.deepEqual(desk.receipts()[0]?.confirmations, { have: 0, need: 3 })
  await control('mine', { blocks: 3 })
  await desk.look()
  assert.equal(desk.counted(), 50_000_000n)
})

test('a double spend in a reorganisation deeper than the settlement takes the money back, once', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await control('mine', { blocks: 3 })
  await desk.look()
  assert.equal(desk.counted(), 20_000n)
  await control('reorg', { depth: 3, how: 'double-spend' })
  const facts = await desk.look()
  assert.deepEqual(
    facts.map(({ outcome }) => outcome.kind),
    ['reversed'],
  )
  assert.equal(desk.counted(), 0n)
  await control('mine', { blocks: 120 })
  assert.deepEqual(await desk.look(), [])
})

test('settled money that nobody holds any more is taken back after six blocks; when it comes again it is another receipt', async () => {
  await using trial = await openTrial()
  const { desk, pay, control } = trial
  const { address } = await desk.invoice(20_000n)
  const txid = await pay(address, 20_000n)
  await control('mine')
  await desk.look()
  await control('reorg', { depth: 1, how: 'evict' })
  assert.deepEqual(await desk.look(), [])
  await control('mine', { blocks: 5 })
  assert.deepEqual(await desk.look(), [])
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 0n)
  await control('mine', { blocks: 150 })
  await desk.look()
  await control('resend', { txid })
  await control('mine')
  await desk.look()
  assert.equal(desk.counted(), 20_000n)
  assert.match(desk.receipts()[0]?.id ?? '', /^[0-9a-f]{64}:\d:again:1$/)
})
