import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BitcoinError } from '#clients/bitcoin'
import { Secret } from '#platform/base/secrets'
import { openFaulty } from '../../../test/faulty.ts'
import { openRailBench } from '../../../test/rails.ts'
import { waitFor } from '../../../test/wait.ts'
import { openTestChain } from './test-chain.ts'
import { bitcoinConfig } from './index.ts'
import { requestOf } from './test-desk.ts'

test('a node that is down, refuses, warms up, syncs or is on another chain: no address is handed out and the cursor stays', async () => {
  await using bench = await openRailBench()
  const trial = openTestChain(bench)
  const { desk, control, pay } = trial
  const { address } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await desk.poll()
  const { cursor } = desk
  const troubles: [string, () => Promise<unknown>, Record<string, string>, string][] = [
    ['down', () => Promise.resolve(), { BITCOIN_RPC_URL: 'http://127.0.0.1:9' }, 'bitcoin.unavailable'],
    ['password', () => Promise.resolve(), { BITCOIN_RPC_PASSWORD: 'wrong' }, 'bitcoin.unauthorized'],
    ['other network configured', () => Promise.resolve(), { BITCOIN_NETWORK: 'signet' }, 'bitcoin.wrong-chain'],
    ['warming up', () => control('node', { warming_up: true }), {}, 'bitcoin.warming-up'],
    ['syncing', () => control('node', { warming_up: false, syncing: true }), {}, 'bitcoin.syncing'],
    ['another chain', () => control('node', { syncing: false, chain: 'main' }), {}, 'bitcoin.wrong-chain'],
  ]
  for (const [name, begin, changed, code] of troubles) {
    await begin()
    const rail = trial.railWith(changed)
    const watched = [{ attemptId: 'att_0', reference: address, amount: requestOf('att_0', 20_000n).amount }]
    const polled = Promise.resolve(
      name === 'other network configured' ? rail.watch?.poll(undefined, []) : rail.watch?.poll(cursor, watched),
    )
    await assert.rejects(polled, (error) => error instanceof BitcoinError && error.code === code, name)
    const started = await rail.collect?.start(requestOf('att_1', 20_000n, 1))
    assert.equal(started?.kind === 'failed' && started.reason, 'provider-unavailable', name)
  }
  await control('node', { chain: 'regtest' })
  await control('mine')
  await desk.poll()
  assert.equal(desk.counted(), 20_000n, 'a node that works again reports every payment')
})

test('a slow, cut or invalid response of the node is an error and never a fact', async () => {
  await using bench = await openRailBench()
  const trial = openTestChain(bench)
  const { desk, pay } = trial
  const { address } = await desk.invoice(20_000n)
  await pay(address, 20_000n)
  await desk.poll()
  const faults = ['silent', 'cut', 'cut-after', 'server-error', 'page', 'other-json', 'wrong-types'] as const
  for (const trouble of faults) {
    await using faulty = await openFaulty(bench.simulators.url, () => true)
    faulty.fault = trouble
    const rail = trial.railWith({ BITCOIN_RPC_URL: `${faulty.url}/sandbox/bitcoin/rpc` }, bench.shortTimeoutFetch)
    await assert.rejects(Promise.resolve(rail.watch?.poll(desk.cursor, [])), BitcoinError, trouble)
    const started = await rail.collect?.start(requestOf('att_1', 20_000n, 1))
    assert.equal(started?.kind, 'failed', trouble)
  }
})

test('a new block or a reorg during a poll repeats the poll, and no payment is lost', async () => {
  for (const [name, body] of [
    ['mine', {}],
    ['reorg', { depth: 1, how: 'wait' }],
  ] as const) {
    await using bench = await openRailBench()
    const trial = openTestChain(bench)
    const { desk, control, pay } = trial
    const { address, attemptId } = await desk.invoice(50_000_000n)
    await pay(address, 50_000_000n)
    if (name === 'reorg') await control('mine')
    await desk.poll()
    let moves = 1
    const moving: typeof bench.fetch = Object.assign(
      async (request: Parameters<typeof bench.fetch>[0]) => {
        if (request.label === 'bitcoin.getdescriptoractivity' && moves-- > 0) await control(name, body)
        return bench.fetch(request)
      },
      { untrusted: bench.fetch.untrusted, refusalOf: bench.fetch.refusalOf, close: bench.fetch.close },
    )
    const watched = [{ attemptId, reference: address, amount: requestOf(attemptId, 50_000_000n).amount }]
    const polled = await trial.railWith({}, moving).watch?.poll(desk.cursor, watched)
    assert.deepEqual(
      polled?.facts.map(({ outcome }) => outcome.kind === 'received' && outcome.receipts[0]?.confirmations?.have),
      [name === 'mine' ? 1 : 0],
      name,
    )
  }
})

test('unsupported amounts and currencies are refused without a request to the node', async () => {
  await using bench = await openRailBench()
  const { rail } = openTestChain(bench)
  const request = requestOf('att_1', 20_000n, 0)
  for (const amount of [0n, -1n, 999n, 2_100_000_000_000_001n]) {
    const outcome = await rail.collect?.start({ ...request, amount: { asset: 'BTC/8', amount } })
    assert.equal(outcome?.kind === 'failed' && outcome.reason, 'limit-exceeded', String(amount))
  }
  const other = await rail.collect?.start({ ...request, amount: { asset: 'KES/2', amount: 20_000n } })
  assert.equal(other?.kind === 'failed' && other.reason, 'limit-exceeded')
  await assert.rejects(Promise.resolve(rail.collect?.start(requestOf('att_1', 20_000n))), /index/)
})

test('an index always gives the same address, another index another one, and each key has its own index space', async () => {
  await using bench = await openRailBench()
  const trial = openTestChain(bench)
  const addressOf = async (rail = trial.rail, index = 0): Promise<string | undefined> => {
    const started = await rail.collect?.start(requestOf('att_1', 20_000n, index))
    return started?.kind === 'pending' ? started.address : undefined
  }
  assert.equal(await addressOf(), await addressOf())
  assert.notEqual(await addressOf(), await addressOf(trial.rail, 1))
  const tpub =
    'tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M'
  const taproot = trial.railWith({ BITCOIN_XPUB: `tr(${tpub}/0/*)` })
  assert.match((await addressOf(taproot)) ?? '', /^bcrt1p/)
  assert.notEqual(taproot.collect?.indexSpace?.(), trial.rail.collect?.indexSpace?.())
  assert.match(trial.railWith({ BITCOIN_XPUB: undefined }).unavailable() ?? '', /set BITCOIN_XPUB/)
  assert.match(trial.railWith({ BITCOIN_RPC_URL: undefined }).unavailable() ?? '', /set BITCOIN_RPC_URL/)
  assert.equal(trial.rail.unavailable(), undefined)
})

test('node events wake the listener, and so do lost events', async () => {
  await using bench = await openRailBench()
  const { rail, control, desk, pay } = openTestChain(bench)
  const stop = new AbortController()
  let wakes = 0
  const listening = rail.watch?.listen?.(() => void wakes++, stop.signal)
  const expectWake = async (what: string, act: () => Promise<unknown>): Promise<void> => {
    const before = wakes
    await act()
    await waitFor(what, () => wakes > before)
  }
  try {
    await waitFor('the connection, and the wake after it', () => wakes >= 2)
    const { address } = await desk.invoice(20_000n)
    await expectWake('a payment', () => pay(address, 20_000n))
    await expectWake('a block', () => control('mine'))
    const before = wakes
    await control('node', { lose_events: 3 })
    await control('mine')
    await waitFor('the gap and the block after it', () => wakes >= before + 2)
  } finally {
    stop.abort()
    await listening
  }
})

const parse = (
  settings: Record<string, string>,
  mode: 'live' | 'test' = 'live',
): ReturnType<typeof bitcoinConfig.parse> =>
  bitcoinConfig.parse(new Map(Object.entries(settings).map(([name, text]) => [name, new Secret(text)])), { mode })

test('settings: a private key or a key of another network stops the start, and its text is not printed', () => {
  const xprv =
    'xprv9s21ZrQH143K31xYSDQpPDxsXRTUcvj2iNHm5NUtrGiGG5e2DtALGdso3pGz6ssrdK4PFmM8NSpSBHNqPqm55Qn3LqFtT2emdEXVYsCzC2U'
  const problems = (settings: Record<string, string>, mode?: 'test'): string =>
    parse(settings, mode).problems.join('; ')
  assert.match(problems({ BITCOIN_XPUB: xprv }), /BITCOIN_XPUB is a private key/)
  assert.ok(!problems({ BITCOIN_XPUB: xprv }).includes('143K31'))
  const vpub =
    'vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc'
  assert.match(problems({ BITCOIN_XPUB: vpub }), /a test network, not of main/)
  assert.equal(problems({ BITCOIN_XPUB: vpub }, 'test'), '')
  assert.match(problems({ BITCOIN_NETWORK: 'main' }, 'test'), /PURSER_MODE=live/)
  assert.match(problems({ BITCOIN_NETWORK: 'signet' }), /PURSER_MODE=test/)
  assert.match(problems({ BITCOIN_NETWORK: 'moon' }), /one of main/)
  assert.equal(problems({ BITCOIN_NETWORK: 'mainnet' }), '')
  assert.match(problems({ BITCOIN_RPC_URL: 'http://u:p@127.0.0.1:8332' }), /without user and password/)
  assert.match(problems({ BITCOIN_RPC_USER: 'u' }), /set both/)
  assert.match(problems({ BITCOIN_RPC_COOKIE: '/c', BITCOIN_RPC_USER: 'u', BITCOIN_RPC_PASSWORD: 'p' }), /remove one/)
  assert.match(problems({ BITCOIN_MIN_SATS: '545' }), /546/)
  assert.match(problems({ BITCOIN_CONFIRMATIONS: '0.1:3,1:2,*:6' }), /do not fall/)
  assert.match(parse({ BITCOIN_CONFIRMATIONS: '*:0' }).warnings.join(), /can be reversed/)
  assert.equal(parse({ BITCOIN_TOLERANCE_PERCENT: '0.5' }).value?.tolerance, 50n)
})
