import assert from 'node:assert/strict'
import { test } from 'node:test'
import { btcText, createNode, createRpc, parseAccount, satsOf } from '#clients/bitcoin'
import { createSetClock } from '#platform/base/clock'
import { createFetch } from '#platform/web/fetch'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { Secret } from '#platform/base/secrets'
import { openBitcoinNode, type RealNode } from '../../../test/bitcoin-node.ts'
import { waitFor } from '../../../test/wait.ts'
import { bitcoinConfig, createBitcoinRail } from './index.ts'
import { openDesk, type Desk } from './test-desk.ts'

/** Account 0 of the BIP84 test seed, on a test network. */
const VPUB =
  'vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc'

async function mine(node: RealNode, blocks = 1): Promise<void> {
  await node.call('generatetoaddress', blocks, await node.call('getnewaddress'))
}

/** Removes the last `depth` blocks from the best chain, as a reorg does. */
async function disconnectBlocks(node: RealNode, depth: number): Promise<void> {
  const height = await node.call<number>('getblockcount')
  await node.call('invalidateblock', await node.call('getblockhash', height - depth + 1))
}

/** Returns a transaction that spends the same coins with a higher fee and pays us nothing. */
async function doubleSpend(node: RealNode, txid: string): Promise<string> {
  const { vin, vout } = await node.call<{ vin: { txid: string; vout: number }[]; vout: { value: string }[] }>(
    'getrawtransaction',
    txid,
    1,
  )
  const paid = vout.reduce((sum, { value }) => sum + satsOf(value), 0n)
  const inputs = vin.map((one) => ({ txid: one.txid, vout: one.vout, sequence: 0xfffffffd }))
  const change = await node.call<string>('getnewaddress')
  const raw = await node.call<string>('createrawtransaction', inputs, [{ [change]: btcText(paid - 100_000n) }])
  const { hex } = await node.call<{ hex: string }>('signrawtransactionwithwallet', raw)
  return hex
}

// One long run over one chain: 20 seconds, a minute on a busy machine.
const options = { timeout: 180_000 }

test('a real node: addresses, payments, replacements, double spends, reorgs and events', options, async (t) => {
  const opened = await openBitcoinNode()
  if ('skip' in opened) return t.skip(opened.skip)
  await using node = opened
  t.diagnostic(node.version)
  const fetch = createFetch({ log: silentLog, metrics: createMetrics({ defaults: false }), mode: 'test' })
  t.after(() => fetch.close())
  const { value: config, problems } = bitcoinConfig.parse(
    new Map(
      Object.entries({
        BITCOIN_XPUB: VPUB,
        BITCOIN_NETWORK: 'regtest',
        BITCOIN_RPC_URL: node.url,
        BITCOIN_RPC_COOKIE: node.cookieFile,
        BITCOIN_CONFIRMATIONS: '0.01:1,*:3',
      }).map(([name, text]) => [name, new Secret(text)]),
    ),
    { mode: 'test' },
  )
  assert.ok(config, problems.join())
  const rail = createBitcoinRail({
    mode: 'test',
    fetch,
    clock: createSetClock(),
    log: silentLog,
    config: () => config,
  })
  const desk: Desk = openDesk(rail)
  const client = createNode(createRpc({ fetch, settings: () => ({ url: node.url, cookieFile: node.cookieFile }) }))
  const send = (address: string, btc: string): Promise<string> => node.call('sendtoaddress', address, btc)

  await t.test('the node derives the same addresses, for both address types', async () => {
    const tpub =
      'tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M'
    for (const kind of ['wpkh', 'tr'] as const) {
      const account = parseAccount(`${kind}(${tpub}/0/*)`, { network: 'regtest' })
      assert.ok(!('problem' in account))
      const fromNode = await node.call<string[]>('deriveaddresses', account.descriptor, [0, 50])
      assert.deepEqual(
        fromNode,
        Array.from({ length: 51 }, (_, index) => account.addressAt(index).address),
      )
    }
  })

  await t.test('a payment is reported, mined and final; two outputs are two receipts', async () => {
    const [one, two] = [await desk.invoice(123_456n), await desk.invoice(5_000_000n)]
    await node.call('sendmany', '', { [one.address]: '0.00123456', [two.address]: '0.05' })
    await desk.poll()
    assert.deepEqual([desk.waiting(one.attemptId), desk.waiting(two.attemptId)], [123_456n, 5_000_000n])
    await mine(node)
    await desk.poll()
    assert.deepEqual([desk.counted(one.attemptId), desk.counted(two.attemptId)], [123_456n, 0n])
    await mine(node, 2)
    await desk.poll()
    assert.equal(desk.counted(two.attemptId), 5_000_000n)
  })

  await t.test('a fee bump replaces the transaction and still pays', async () => {
    const { address, attemptId } = await desk.invoice(200_000n)
    const txid = await send(address, '0.002')
    await desk.poll()
    const { txid: by } = await node.call<{ txid: string }>('bumpfee', txid)
    const facts = await desk.poll()
    assert.ok(facts.some(({ outcome }) => outcome.kind === 'reversed' && outcome.reason === `replaced by ${by}`))
    assert.equal(desk.waiting(attemptId), 200_000n)
    await mine(node)
    await desk.poll()
    assert.equal(desk.counted(attemptId), 200_000n)
  })

  await t.test('a double spend in the mempool, and one that appears in a block only', async () => {
    const { address, attemptId } = await desk.invoice(200_000n)
    const txid = await send(address, '0.002')
    await desk.poll()
    const hex = await doubleSpend(node, txid)
    assert.equal(await client.findRejection(hex), undefined)
    const sent = await client.send(hex)
    assert.equal(sent.known, false)
    assert.deepEqual(await client.send(hex), { ...sent, known: true }, 'sending again succeeds')
    await desk.poll()
    assert.equal(desk.waiting(attemptId), 0n)
    await mine(node)
    assert.deepEqual(await client.send(hex), { ...sent, known: true }, 'sending a mined transaction succeeds')
    await desk.poll()
    assert.equal(desk.counted(attemptId), 0n)

    await mine(node, 101)
    const second = await send(address, '0.002')
    await desk.poll()
    const other = await doubleSpend(node, second)
    await node.call('generateblock', await node.call('getnewaddress'), [other])
    const [fact] = await desk.poll()
    assert.ok(fact?.outcome.kind === 'reversed')
    assert.equal(fact.outcome.reason, 'another transaction spent its inputs')
  })

  await t.test('a reorg: back to the mempool and into another block, then double-spent', async () => {
    await mine(node, 101)
    const { address, attemptId } = await desk.invoice(200_000n)
    const txid = await send(address, '0.002')
    await mine(node)
    await desk.poll()
    assert.equal(desk.counted(attemptId), 200_000n)
    await disconnectBlocks(node, 1)
    assert.deepEqual(await desk.poll(), [], 'unconfirmed again, still final')
    const hex = await doubleSpend(node, txid)
    await node.call('generateblock', await node.call('getnewaddress'), [])
    await mine(node)
    assert.deepEqual(await desk.poll(), [], 'another block holds it')
    await disconnectBlocks(node, 2)
    await node.call('generateblock', await node.call('getnewaddress'), [hex])
    await mine(node, 2)
    const facts = await desk.poll()
    assert.deepEqual(
      facts.map(({ outcome }) => outcome.kind),
      ['reversed'],
    )
    assert.equal(desk.counted(attemptId), 0n)
  })

  await t.test('node events wake, the event address is found, and events are followed over a restart', async () => {
    const stop = new AbortController()
    let wakes = 0
    const listening = rail.watch?.listen?.(() => void wakes++, stop.signal)
    const wakesAfter = async (what: string, act: () => Promise<unknown>): Promise<void> => {
      const before = wakes
      await act()
      await waitFor(what, () => wakes > before)
    }
    try {
      await waitFor('the connection, and the wake after it', () => wakes >= 2)
      await wakesAfter('a block to wake', () => mine(node))
      const { address } = await desk.invoice(200_000n)
      await wakesAfter('a payment to wake', () => send(address, '0.002'))
      await wakesAfter('the next connection', () => node.restart())
    } finally {
      stop.abort()
      await listening
    }
    await desk.poll()
  })

  await t.test('fees: a young chain has no estimate, but a minimum fee', async () => {
    assert.equal(await client.estimateFee(6), undefined)
    assert.equal(await client.minimumFee(), 1000n)
    await assert.rejects(client.findRejection('00'.repeat(20)), /decode/)
  })
})
