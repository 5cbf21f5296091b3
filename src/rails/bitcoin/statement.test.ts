import assert from 'node:assert/strict'
import { test } from 'node:test'
import { money } from '#money'
import type { Rail, RailStatement, StatementLine, Watched } from '#rails/contract'
import { addMs, type SetClock } from '#platform/base/clock'
import { openFaulty, type Fault } from '../../../test/faulty.ts'
import { openRailBench, type RailBench } from '../../../test/rails.ts'
import { testStatementContract, type StatementTrial } from '../suites/statement.ts'
import { openTestChain, type TestChain } from './test-chain.ts'

const HOUR_MS = 3_600_000
const SATS = 100_000n
const asked = money('BTC/8', SATS)

testStatementContract('bitcoin', async (): Promise<StatementTrial> => {
  const bench = await openRailBench()
  const { simulators } = bench
  const front = await openFaulty(simulators.url, () => true)
  const chain = openTestChain(bench)
  const { desk, rail, pay, control } = chain
  return {
    rail,
    clock: bench.clock,
    startUnpaid: async () => void (await desk.invoice(SATS)),
    pay: async () => {
      const { attemptId, address } = await desk.invoice(SATS)
      await pay(address, SATS)
      await control('mine')
      await desk.poll()
      const [receipt] = desk.receipts(attemptId)
      assert.ok(receipt?.final)
      bench.clock.advance(1000)
      return { attemptId, reference: address, phone: undefined, amount: asked, receipt }
    },
    troubled: (trouble) => {
      const at = trouble === 'unreachable' ? 'http://127.0.0.1:9' : front.url
      if (trouble !== 'unreachable') front.fault = trouble satisfies Fault
      const fetch = trouble === 'silent' ? bench.shortTimeoutFetch : bench.fetch
      return chain.railWith({ BITCOIN_RPC_URL: `${at}/sandbox/bitcoin/rpc` }, fetch)
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await chain[Symbol.asyncDispose]()
    },
  }
})

interface Trial extends AsyncDisposable {
  readonly bench: RailBench
  readonly chain: TestChain
  readonly statement: RailStatement
  /** Creates an invoice and pays it in full. */
  paid(sats?: bigint, more?: object): Promise<Watched & { readonly txid: string }>
  lines(watched: readonly Watched[], sinceMs?: number): Promise<readonly StatementLine[]>
}

async function openTrial(): Promise<Trial> {
  const bench = await openRailBench()
  const chain = openTestChain(bench)
  const { statement }: Rail = chain.rail
  assert.ok(statement)
  return {
    bench,
    chain,
    statement,
    paid: async (sats = SATS, more = {}) => {
      const { attemptId, address: reference } = await chain.desk.invoice(sats)
      const txid = await chain.pay(reference, sats, more)
      return { attemptId, reference, amount: money('BTC/8', sats), txid }
    },
    lines: (watched, sinceMs = 12 * HOUR_MS) => listAll(statement, bench.clock, watched, sinceMs),
    [Symbol.asyncDispose]: () => chain[Symbol.asyncDispose](),
  }
}

async function listAll(
  statement: RailStatement,
  clock: SetClock,
  watched: readonly Watched[],
  sinceMs: number,
): Promise<StatementLine[]> {
  const [from, to] = [addMs(clock.now(), -sinceMs), addMs(clock.now(), HOUR_MS)]
  const lines: StatementLine[] = []
  let cursor: string | undefined
  do {
    const page = await statement.list({ from, to, cursor, watched })
    lines.push(...page.lines)
    cursor = page.cursor
  } while (cursor !== undefined)
  return lines
}

test('a payment has the time of its block, however long it was unconfirmed; many pages list each payment', async () => {
  await using trial = await openTrial()
  const { bench, chain } = trial
  const early = await trial.paid()
  bench.clock.advance(5 * HOUR_MS)
  await chain.control('mine')
  const minedAt = bench.clock.now()
  for (let i = 0; i < 4; i++) {
    bench.clock.advance(HOUR_MS)
    await chain.control('mine', { blocks: 60 })
  }
  const late = await trial.paid()
  await chain.control('mine')
  const lines = await trial.lines([early, late])
  assert.deepEqual(
    lines.map(({ attemptId }) => attemptId),
    [early.attemptId, late.attemptId],
  )
  const [first] = lines
  assert.ok(first && Math.abs(first.at.getTime() - minedAt.getTime()) < 1000, String(first?.at))
  assert.deepEqual(await trial.lines([late]), lines.slice(1), 'only payments to the requested addresses')
  assert.deepEqual(await trial.lines([]), [])
})

test('an unconfirmed payment is a line with the current time and no receipt; it gets a receipt once it is final', async () => {
  await using trial = await openTrial()
  const { bench, chain, statement } = trial
  const paid = await trial.paid(5_000_000n)
  const [waiting] = await trial.lines([paid])
  assert.deepEqual([waiting?.at, waiting?.proof], [bench.clock.now(), undefined])
  assert.equal(waiting && (await statement.receiptOf?.(waiting, paid.amount)), undefined)
  await chain.control('mine')
  const [young] = await trial.lines([paid])
  assert.ok(young)
  assert.equal(await statement.receiptOf?.(young, paid.amount), undefined, 'one block, and it needs two')
  await chain.control('mine')
  const receipt = await statement.receiptOf?.(young, paid.amount)
  assert.deepEqual([receipt?.id, receipt?.gross, receipt?.final], [`${paid.txid}:0`, paid.amount, true])
  // A small payment to a large invoice needs the confirmations of the large amount.
  assert.equal(await statement.receiptOf?.(young, money('BTC/8', 90_000_000n)), undefined)
  await chain.control('reorg', { depth: 2, how: 'wait' })
  assert.equal(await statement.receiptOf?.(young, paid.amount), undefined, 'its block is no longer in the best chain')
})

test('a block reward gets a receipt when it can be spent', async () => {
  await using trial = await openTrial()
  const { chain, statement } = trial
  const { attemptId, address: reference } = await chain.desk.invoice(SATS)
  await chain.control('mine', { address: reference })
  const watched = [{ attemptId, reference, amount: asked }]
  await chain.control('mine', { blocks: 98 })
  const [line] = await trial.lines(watched)
  assert.ok(line)
  assert.equal(await statement.receiptOf?.(line, asked), undefined)
  await chain.control('mine')
  assert.equal((await statement.receiptOf?.(line, asked))?.final, true)
})

test('a node on another chain, or one that is syncing, has no list', async () => {
  await using trial = await openTrial()
  const paid = await trial.paid()
  for (const mood of [{ chain: 'main' }, { syncing: true }, { warming_up: true }]) {
    await trial.chain.control('node', mood)
    await assert.rejects(trial.lines([paid]), JSON.stringify(mood))
    await trial.chain.control('node', { chain: 'regtest', syncing: false, warming_up: false })
  }
})
