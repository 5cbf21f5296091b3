import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { createFetch, type Fetch } from '#platform/web/fetch'
import { silentLog } from '#platform/observe/log'
import { createMetrics } from '#platform/observe/metrics'
import { Secret } from '#platform/base/secrets'
import { openScripted, type ScriptedAnswer } from '../../../test/faulty.ts'
import { waitFor } from '../../../test/wait.ts'
import { parseExactJson } from '#platform/base/json'
import { descriptorChecksum } from './checksum.ts'
import {
  BitcoinError,
  btcText,
  chooseFeeRate,
  createNode,
  createRpc,
  followSequence,
  formatPaymentUri,
  parseAccount,
  parsePaymentUri,
  qrTextOf,
  satsOf,
  scriptOf,
  type Account,
  type Network,
} from './index.ts'

/** Keys of BIP84 and BIP86, from the seed "abandon … about". */
const ZPUB =
  'zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs'
const XPUB_84 =
  'xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V'
const XPUB_86 =
  'xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ'
const TPUB =
  'tpubDC8msFGeGuwnKG9Upg7DM2b4DaRqg3CUZa5g8v2SRQ6K4NSkxUgd7HsL2XVWbVm39yBA4LAxysQAm397zwQSQoQgewGiYZqrA9DsP4zbQ1M'
const VPUB =
  'vpub5Y6cjg78GGuNLsaPhmYsiw4gYX3HoQiRBiSwDaBXKUafCt9bNwWQiitDk5VZ5BVxYnQdwoTyXSs2JHRPAgjAvtbBrf8ZhDYe2jWAqvZVnsc'
/** Second test vector of BIP32: a published private key. */
const XPRV =
  'xprv9s21ZrQH143K31xYSDQpPDxsXRTUcvj2iNHm5NUtrGiGG5e2DtALGdso3pGz6ssrdK4PFmM8NSpSBHNqPqm55Qn3LqFtT2emdEXVYsCzC2U'

function account(text: string, network: Network, kind?: 'wpkh' | 'tr'): Account {
  const parsed = parseAccount(text, kind ? { network, kind } : { network })
  assert.ok(!('problem' in parsed), 'problem' in parsed ? parsed.problem : '')
  return parsed
}
const problemOf = (text: string, network: Network = 'main'): string => {
  const parsed = parseAccount(text, { network })
  assert.ok('problem' in parsed, text)
  return parsed.problem
}

test('addresses match the test vectors of BIP84 and BIP86', () => {
  const segwit = account(ZPUB, 'main')
  assert.deepEqual(
    [0, 1].map((index) => segwit.addressAt(index).address),
    ['bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu', 'bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g'],
  )
  for (const text of [XPUB_84, `wpkh(${XPUB_84}/0/*)`, `[73c5da0a/84'/0'/0']${XPUB_84}/<0;1>/*`])
    assert.equal(account(text, 'main').addressAt(0).address, segwit.addressAt(0).address, text)
  const taproot = account(`tr([73c5da0a/86h/0h/0h]${XPUB_86}/0/*)`, 'main')
  assert.equal(taproot.addressAt(0).address, 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr')
  assert.equal(taproot.addressAt(1).address, 'bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh')
  assert.equal(scriptOf(taproot.addressAt(0).address, 'main'), taproot.addressAt(0).script)
  assert.equal(account(VPUB, 'regtest').addressAt(0).address, 'bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk')
  assert.equal(account(VPUB, 'signet').addressAt(0).address, 'tb1q6rz28mcfaxtmd6v789l9rrlrusdprr9pqcpvkl')
})

test('the same chain of keys has the same id, and another chain another id', () => {
  const ids = [ZPUB, XPUB_84, `wpkh(${XPUB_84}/0/*)`].map((text) => account(text, 'main').id)
  assert.equal(new Set(ids).size, 1)
  assert.notEqual(account(XPUB_84, 'main', 'tr').id, ids[0])
  assert.notEqual(account(`wpkh(${XPUB_84}/1/*)`, 'main').id, ids[0])
  assert.ok(!ids[0]?.includes('xpub'))
})

test('descriptors have the checksum that Bitcoin Core writes', () => {
  assert.equal(account(TPUB, 'regtest').descriptor, `wpkh(${TPUB}/0/*)#gt9he67w`)
  assert.equal(descriptorChecksum('raw(deadbeef)'), '89f8spxm')
  assert.equal(account(`wpkh(${TPUB}/0/*)#gt9he67w`, 'regtest').kind, 'wpkh')
  assert.match(problemOf(`wpkh(${TPUB}/0/*)#gt9he67x`, 'regtest'), /checksum/)
})

test('a private key is refused in every format, and its text is never repeated', () => {
  const seed = 'abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about'
  const wif = 'KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn'
  for (const text of [
    XPRV,
    `wpkh(${XPRV}/0/*)`,
    `[73c5da0a/84h]${XPRV}`,
    XPRV.replace('xprv', 'zprv'),
    seed,
    wif,
    ` ${XPRV}\n`,
  ]) {
    const problem = problemOf(text)
    assert.match(problem, /private key/)
    assert.ok(!problem.includes(text.trim().slice(4, 20)))
  }
})

test('an unusable key gets an error that states the reason', () => {
  assert.match(problemOf(TPUB, 'main'), /a test network, not of main/)
  assert.match(problemOf(ZPUB, 'regtest'), /the main network, not of regtest/)
  assert.match(problemOf(ZPUB.replace(/.$/, 't')), /mistyped/)
  assert.match(problemOf(`wpkh(${XPUB_84})`), /star/)
  assert.match(problemOf(`wpkh(${XPUB_84}/0h/*)`), /hardened/)
  assert.match(problemOf(`tr(${ZPUB}/0/*)`), /wpkh, not for tr/)
  assert.match(
    problemOf(
      'ypub6Ww3ibxVfGzLrAH1PNcjyAWenMTbbAosGNB6VvmSEgytSER9azLDWCxoJwW7Ke7icmizBMXrzBx9979FfaHxHcrArf3zbeJJJUZPf663zsP',
    ),
    /ypub/,
  )
  for (const text of ['', 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu', 'wsh(…)', '💰'.repeat(10), 'x'.repeat(9999)])
    problemOf(text)
  assert.throws(() => account(ZPUB, 'main').addressAt(-1), RangeError)
  assert.throws(() => account(ZPUB, 'main').addressAt(2 ** 31), RangeError)
})

test('amounts are exact', () => {
  assert.deepEqual(['0.00000001', '1e-8', '1.00000000', '20999999.99999999', '0.1', '3', '1.5E1', '0'].map(satsOf), [
    1n,
    1n,
    100_000_000n,
    2_099_999_999_999_999n,
    10_000_000n,
    300_000_000n,
    1_500_000_000n,
    0n,
  ])
  for (const wrong of ['0.000000001', '-1', '1e-9', 'NaN', '', '21000000.00000001', '1e99', '0x1'])
    assert.throws(() => satsOf(wrong), RangeError, wrong)
  const read = parseExactJson('{"a":0.10000001,"b":1e-8,"c":7,"d":9007199254740993,"e":"0.5","f":[0.00000000]}', {
    integers: 'numbers',
  })
  assert.deepEqual(read, { a: '0.10000001', b: '1e-8', c: 7, d: '9007199254740993', e: '0.5', f: ['0.00000000'] })
  fc.assert(fc.property(fc.bigInt(0n, 2_100_000_000_000_000n), (sats) => satsOf(btcText(sats)) === sats))
})

test('a payment URI has the amount as an exact decimal and parses to the same request', () => {
  const address = 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu'
  assert.equal(formatPaymentUri({ address, sats: 1n }), `bitcoin:${address}?amount=0.00000001`)
  assert.equal(formatPaymentUri({ address, sats: 2_000_000_000n }), `bitcoin:${address}?amount=20`)
  const text = fc.string({ minLength: 1, unit: 'grapheme' }).filter((one) => one.isWellFormed())
  fc.assert(
    fc.property(fc.bigInt(1n, 2_100_000_000_000_000n), text, text, (sats, label, message) => {
      const request = { address, sats, label, message }
      assert.deepEqual(parsePaymentUri(formatPaymentUri(request)), request)
    }),
  )
  const uri = formatPaymentUri({ address, sats: 150_000n, label: 'Shop & Co' })
  assert.equal(qrTextOf(uri), `BITCOIN:${address.toUpperCase()}?amount=0.0015&label=Shop%20%26%20Co`)
  assert.deepEqual(parsePaymentUri(qrTextOf(uri)), parsePaymentUri(uri))
})

test('a payment URI that must not be paid is refused', () => {
  const start = 'bitcoin:bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu'
  for (const wrong of [
    'req-new=1',
    'amount=1e-8',
    'amount=-1',
    'amount=1,5',
    'amount=0.000000001',
    'amount=99999999',
    'amount=1&amount=2',
    'REQ-x=1',
    'amount=',
  ])
    assert.ok('problem' in parsePaymentUri(`${start}?${wrong}`), wrong)
  for (const wrong of ['', 'bitcoin:', 'ethereum:0x00', 'bitcoin:?amount=1'])
    assert.ok('problem' in parsePaymentUri(wrong), wrong)
  assert.ok(!('problem' in parsePaymentUri(`${start}?new=1&pj=https://x`)))
})

type Say = (body: { id: number; method: string; params: unknown[] }) => ScriptedAnswer
const fetchOf = (): Fetch => createFetch({ log: silentLog, metrics: createMetrics({ defaults: false }), mode: 'test' })

async function withNode(
  say: Say | ((body: unknown) => ScriptedAnswer),
  act: (url: string, fetch: Fetch) => Promise<void>,
): Promise<void> {
  const fetch = fetchOf()
  await using server = await openScripted(({ body }) =>
    (say as (body: unknown) => ScriptedAnswer)(JSON.parse(body.toString()) as never),
  )
  await act(server.url, fetch)
  await fetch.close()
}
const codeOf = (code: string) => (error: unknown) => error instanceof BitcoinError && error.code === code

test('each kind of node error has its own code', async () => {
  const error = (code: number, message: string, status = 200): ScriptedAnswer => ({
    status,
    body: { jsonrpc: '2.0', id: 0, error: { code, message } },
  })
  const cases: [ScriptedAnswer, string][] = [
    [error(-28, 'Loading block index…'), 'bitcoin.warming-up'],
    [error(-5, 'Block not found'), 'bitcoin.rejected'],
    [error(-32601, 'Method not found', 404), 'bitcoin.rejected'],
    [{ status: 401, body: '' }, 'bitcoin.unauthorized'],
    [{ status: 403, body: '' }, 'bitcoin.unauthorized'],
    [{ status: 503, body: 'Work queue depth exceeded' }, 'bitcoin.unavailable'],
    [{ status: 200, body: '<html>' }, 'bitcoin.bad-answer'],
    [{ status: 200, body: [] }, 'bitcoin.bad-answer'],
    [{ status: 200, body: { jsonrpc: '2.0', id: 7, result: 1 } }, 'bitcoin.bad-answer'],
    [{ status: 200, body: { jsonrpc: '2.0', id: 0 } }, 'bitcoin.bad-answer'],
    [{ status: 200, body: 'null' }, 'bitcoin.bad-answer'],
  ]
  for (const [answer, code] of cases) {
    await withNode(
      () => answer,
      async (url, fetch) => {
        const rpc = createRpc({ fetch, settings: () => ({ url, user: 'u', password: new Secret('canary-password') }) })
        await assert.rejects(rpc.call('getblockcount'), codeOf(code), JSON.stringify(answer))
        await assert.rejects(rpc.call('getblockcount'), (thrown: Error) => !thrown.message.includes('canary'))
      },
    )
  }
  const fetch = fetchOf()
  const rpc = createRpc({ fetch, settings: () => ({ url: 'http://127.0.0.1:9' }) })
  await assert.rejects(
    rpc.call('getblockcount'),
    (thrown) => codeOf('bitcoin.unavailable')(thrown) && !(thrown as BitcoinError).maybeActed,
  )
  await fetch.close()
})

test('the answers of a batch are in the order of the calls, in whatever order the node answers', async () => {
  const say = (calls: unknown): ScriptedAnswer => ({
    body: (calls as { id: number }[]).map(({ id }) => ({ id, result: id * 2 })).toReversed(),
  })
  await withNode(say, async (url, fetch) => {
    const rpc = createRpc({ fetch, settings: () => ({ url }) })
    const calls = Array.from({ length: 130 }, () => ({ method: 'x' }))
    const answers = await rpc.batch(calls)
    assert.deepEqual(
      answers.map((one) => ('result' in one ? one.result : -1)),
      [...Array.from({ length: 100 }, (_, i) => i * 2), ...Array.from({ length: 30 }, (_, i) => i * 2)],
    )
  })
})

test('the cookie is read again after a restart of the node', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cookie-'))
  const cookieFile = join(folder, '.cookie')
  const fetch = fetchOf()
  const seen: string[] = []
  await using server = await openScripted(({ headers }) => {
    const login = Buffer.from(headers.authorization?.slice(6) ?? '', 'base64').toString()
    seen.push(login)
    return login === '__cookie__:two' ? { body: { id: 0, result: 5 } } : { status: 401, body: '' }
  })
  const rpc = createRpc({ fetch, settings: () => ({ url: server.url, cookieFile }) })
  await assert.rejects(rpc.call('x'), codeOf('bitcoin.unauthorized'))
  writeFileSync(cookieFile, '__cookie__:one')
  await assert.rejects(rpc.call('x'), codeOf('bitcoin.unauthorized'))
  writeFileSync(cookieFile, '__cookie__:two\n')
  assert.equal(await rpc.call('x'), 5)
  assert.deepEqual(seen, ['__cookie__:one', '__cookie__:one', '__cookie__:one', '__cookie__:two'])
  await fetch.close()
  rmSync(folder, { recursive: true })
})

const GENESIS = '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206'
test('a node on another chain, syncing or too old is refused', async () => {
  const info = { chain: 'regtest', blocks: 9, headers: 9, bestblockhash: GENESIS, initialblockdownload: false }
  const cases: [object, string, number, string | undefined][] = [
    [info, GENESIS, 290_000, undefined],
    [{ ...info, chain: 'main' }, GENESIS, 290_000, 'bitcoin.wrong-chain'],
    // A custom signet has the same chain name.
    [info, 'ab'.repeat(32), 290_000, 'bitcoin.wrong-chain'],
    [{ ...info, initialblockdownload: true }, GENESIS, 290_000, 'bitcoin.syncing'],
    [{ ...info, headers: 20 }, GENESIS, 290_000, 'bitcoin.syncing'],
    [info, GENESIS, 280_100, 'bitcoin.too-old'],
  ]
  for (const [chain, genesis, version, code] of cases) {
    await withNode(
      () => ({
        body: [
          { id: 0, result: chain },
          { id: 1, result: genesis },
          { id: 2, result: { version } },
        ],
      }),
      async (url, fetch) => {
        const tip = createNode(createRpc({ fetch, settings: () => ({ url }) })).requireTip('regtest')
        if (code) await assert.rejects(tip, codeOf(code))
        else assert.deepEqual(await tip, { hash: GENESIS, height: 9 })
      },
    )
  }
})

test('fees: the estimate, otherwise the fallback; never below the relay minimum, never above the cap', async () => {
  const rules = { blocks: 6, fallback: 5000n, cap: 100_000n }
  const choose = (estimate: bigint | undefined, least: bigint): ReturnType<typeof chooseFeeRate> =>
    chooseFeeRate({ estimateFee: () => Promise.resolve(estimate), minimumFee: () => Promise.resolve(least) }, rules)
  assert.deepEqual(await choose(12_000n, 1000n), { rate: 12_000n, source: 'estimate' })
  assert.deepEqual(await choose(undefined, 1000n), { rate: 5000n, source: 'fallback' })
  assert.deepEqual(await choose(undefined, 7000n), { rate: 7000n, source: 'mempool' })
  assert.deepEqual(await choose(500n, 1000n), { rate: 1000n, source: 'mempool' })
  assert.deepEqual(await choose(900_000n, 1000n), { rate: 100_000n, source: 'cap' })
  await assert.rejects(choose(1n, 200_000n), codeOf('bitcoin.rejected'))
})

test('invalid ZMTP and an oversized frame end the connection, not the program', async () => {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.on('error', () => undefined)
    socket.end(
      connections === 1
        ? Buffer.alloc(200, 65)
        : Buffer.concat([
            Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0]),
            Buffer.alloc(52),
            Buffer.from([2, 255, 255, 255, 255, 255, 255, 255, 255]),
          ]),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  const stop = new AbortController()
  const ended = followSequence(
    `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    { event: () => assert.fail(), missed: () => assert.fail() },
    stop.signal,
  )
  await waitFor('a second connection', () => connections >= 2)
  stop.abort()
  await ended
  server.close()
})
