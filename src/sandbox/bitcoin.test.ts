import assert from 'node:assert/strict'
import { test } from 'node:test'
import axe from 'axe-core'
import { openBrowser } from '../../test/browser.ts'
import { openRailBench, type RailBench } from '../../test/rails.ts'
import { openSimulators } from '../../test/simulators.ts'

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
const ADDRESS = 'bcrt1q6rz28mcfaxtmd6v789l9rrlrusdprr9pz3cppk'
const SCRIPT = '0014d0c4a3ef09e997b6e99e397e518fe3e41a118ca1'

/** Returns the response text, so that amounts keep their decimals. */
async function rpc(
  bench: RailBench,
  method: string,
  params: unknown[] = [],
  login = 'sandbox:sandbox',
): Promise<string> {
  const answer = await bench.fetch({
    method: 'POST',
    url: `${bench.simulators.url}/sandbox/bitcoin/rpc`,
    headers: { 'content-type': 'application/json', authorization: basic(login) },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    label: 'test',
  })
  return answer.status === 200 ? answer.text() : `HTTP ${answer.status}`
}

async function control(bench: RailBench, name: string, body: object = {}): Promise<Record<string, unknown>> {
  const answer = await bench.fetch({
    method: 'POST',
    url: `${bench.simulators.url}/sandbox/bitcoin/${name}`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    label: 'test',
  })
  return answer.json() as Record<string, unknown>
}

test('the RPC behaves like a node: errors with HTTP 200, amounts with eight decimals, its own login', async () => {
  await using bench = await openRailBench()
  assert.equal(await rpc(bench, 'getblockcount'), '{"jsonrpc":"2.0","result":101,"id":1}')
  assert.equal(await rpc(bench, 'getblockcount', [], 'sandbox:wrong'), 'HTTP 401')
  assert.match(await rpc(bench, 'nosuch'), /"code":-32601/)
  assert.match(await rpc(bench, 'getblockhash', [5000]), /"code":-8,"message":"Block height out of range"/)
  assert.match(await rpc(bench, 'estimatesmartfee', [6]), /Insufficient data/)
  const { txid } = await control(bench, 'pay', { address: ADDRESS, amount: '0.1' })
  const activity = await rpc(bench, 'getdescriptoractivity', [[], [`raw(${SCRIPT})`], true])
  assert.match(activity, /"amount":0\.10000000,/)
  assert.match(activity, new RegExp(String(txid)))
  assert.match(await rpc(bench, 'sendrawtransaction', ['00']), /"code":-22/)
  assert.match(await rpc(bench, 'getblockchaininfo', [], 'sandbox-live:sandbox'), /"chain":"main"/)
  assert.match(await rpc(bench, 'getblockchaininfo'), /"chain":"regtest"/)
})

test('a transaction can be resent, and a conflicting one must pay a higher fee', async () => {
  await using bench = await openRailBench()
  const { txid } = await control(bench, 'pay', { address: ADDRESS, amount: '0.1' })
  const { result: hex } = JSON.parse(await rpc(bench, 'getrawtransaction', [txid])) as { result: string }
  assert.match(await rpc(bench, 'testmempoolaccept', [[hex]]), /txn-already-in-mempool/)
  const { txid: by } = await control(bench, 'replace', { txid, how: 'drop' })
  assert.match(await rpc(bench, 'testmempoolaccept', [[hex]]), /insufficient fee/)
  assert.match(await rpc(bench, 'getrawmempool'), new RegExp(`\\["${String(by)}"\\]`))
  await control(bench, 'mine')
  assert.match(await rpc(bench, 'sendrawtransaction', [hex]), /"code":-25/)
  for (const [name, body] of [
    ['pay', { address: 'nonsense', amount: '1' }],
    ['pay', { address: ADDRESS, amount: '0' }],
    ['pay', { address: ADDRESS, amount: '-1' }],
    ['replace', { txid }],
    ['evict', { txid: 'x' }],
    ['reorg', { depth: 101 }],
    ['mine', { blocks: 0 }],
  ] as const)
    assert.ok('error' in (await control(bench, name, body)), JSON.stringify(body))
})

test('the chain persists: other simulators on the same database continue it', async () => {
  await using bench = await openRailBench()
  await control(bench, 'mine', { blocks: 3 })
  await using second = await openSimulators({ db: bench.db, clock: bench.clock })
  const other = { ...bench, simulators: second, [Symbol.asyncDispose]: () => Promise.resolve() }
  assert.match(await rpc(other, 'getblockcount'), /"result":104/)
  await control(other, 'mine')
  assert.match(await rpc(bench, 'getblockcount'), /"result":105/)
})

test('in a browser: pay a link, see it in the mempool, mine it', async (t) => {
  const browser = await openBrowser()
  if ('skip' in browser) return t.skip(browser.skip)
  await using _ = browser
  await using bench = await openRailBench()
  const page = await browser.page({ width: 360 })
  await page.goto(`${bench.simulators.url}/sandbox`)
  await page.getByRole('link', { name: /Bitcoin/ }).click()
  await page.getByLabel(/Address/).fill(`bitcoin:${ADDRESS}?amount=0.0015`)
  await page.getByRole('button', { name: 'Pay' }).click()
  await page.getByText(`0.00150000 BTC to ${ADDRESS}`).waitFor()
  await page.evaluate(axe.source)
  const report = await page.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>('axe.run()')
  assert.deepEqual(
    report.violations.map(({ id, nodes }) => [id, nodes[0]?.html]),
    [],
  )
  assert.equal(
    await page.evaluate('document.documentElement.scrollWidth'),
    360,
    'no horizontal overflow on a small phone',
  )
  await page.getByRole('button', { name: '1 block' }).click()
  await page.getByText('1 payment').waitFor()
})
