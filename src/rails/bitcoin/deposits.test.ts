import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readCursor, writeCursor } from './cursor.ts'
import { confirmationsNeeded, parseTiers, toleranceOf, type Tier } from './finality.ts'
import { recompute, type Arrival, type Coin, type Deposit, type View } from './deposits.ts'
import { reportDeposit } from './report.ts'

const now = new Date('2026-01-15T09:00:00Z')
const id = (n: number): string => n.toString(16).padStart(64, '0')
const TIERS: readonly Tier[] = [
  { upTo: 1_000_000n, confirmations: 1 },
  { upTo: undefined, confirmations: 3 },
]
const arrival = (changed: Partial<Arrival> = {}): Arrival => ({
  outpoint: `${id(1)}:0`,
  script: '0014',
  attemptId: 'att_1',
  sats: 20_000n,
  due: 20_000n,
  coinbase: false,
  inputs: [`${id(2)}:0`, `${id(3)}:1`],
  replaceable: true,
  block: undefined,
  ...changed,
})
const view = (changed: Partial<View> = {}): View => ({
  tip: { hash: id(1000), height: 100 },
  now,
  arrivals: [],
  isInChain: () => true,
  coins: new Map(),
  ...changed,
})
const coins = (...found: Coin[]): ReadonlyMap<string, Coin> =>
  new Map(found.map((coin, i) => [arrival().inputs[i] ?? '', coin]))
const unspent: Coin = { spender: undefined, exists: true }
const only = (deposits: readonly Deposit[]): Deposit => {
  assert.equal(deposits.length, 1)
  assert.ok(deposits[0])
  return deposits[0]
}
const waiting = only(recompute([], view({ arrivals: [arrival()] })))

test('the coins of a vanished payment show whether it was replaced, conflicted or orphaned', () => {
  const stateAfter = (found: ReadonlyMap<string, Coin>): object =>
    only(recompute([waiting], view({ coins: found }))).state
  assert.deepEqual(stateAfter(coins(unspent, { spender: id(9), exists: false })), { kind: 'replaced', by: id(9) })
  assert.deepEqual(stateAfter(coins(unspent, { spender: undefined, exists: false })), { kind: 'conflicted' })
  assert.deepEqual(stateAfter(coins(unspent, unspent)), { kind: 'orphaned' })
  assert.deepEqual(stateAfter(new Map()), { kind: 'mempool' }, 'without its coins the state stays')
  assert.deepEqual(
    stateAfter(coins({ spender: id(1), exists: false }, unspent)),
    { kind: 'conflicted' },
    'a transaction does not replace itself',
  )
})

test('a block outranks the mempool in any order', () => {
  const block = { hash: id(50), height: 99 }
  const both = [arrival({ block }), arrival()]
  for (const arrivals of [both, both.toReversed()])
    assert.deepEqual(only(recompute([], view({ arrivals }))).state, { kind: 'confirmed', ...block })
  const elsewhere = only(recompute([waiting], view({ arrivals: [arrival({ block })], isInChain: () => false })))
  assert.equal(elsewhere.state.kind, 'mempool', 'a block outside the best chain confirms nothing')
})

test('a limit belongs to the lower tier; block rewards need 100 confirmations, replaceable payments at least 1', () => {
  const tiers = parseTiers('0.001:0,0.01:1,*:6')
  assert.ok(!('problem' in tiers))
  const need = (sats: bigint, more = {}): number =>
    confirmationsNeeded(tiers, { sats, replaceable: false, coinbase: false, ...more })
  assert.deepEqual(
    [100_000n, 100_001n, 1_000_000n, 1_000_001n, 10n ** 15n].map((sats) => need(sats)),
    [0, 1, 1, 6, 6],
  )
  assert.deepEqual([need(1n, { replaceable: true }), need(1n, { coinbase: true })], [1, 100])
  for (const wrong of [
    '',
    '1:1',
    '*:1,*:2',
    '*:1,2:3',
    '1:2,1:3,*:4',
    '1:3,*:2',
    '1:-1,*:2',
    '*:101',
    '1e3:1,*:2',
    '0.000000001:1,*:2',
  ])
    assert.ok('problem' in parseTiers(wrong), wrong)
})

test('the tolerance is exact to the sat and rounds down', () => {
  assert.deepEqual(
    [toleranceOf(100_000n, 50n), toleranceOf(199n, 50n), toleranceOf(200n, 50n), toleranceOf(1n, 0n)],
    [500n, 0n, 1n, 0n],
  )
})

const anyArrival = fc.record({ block: fc.option(fc.integer({ min: 90, max: 105 }), { nil: undefined }) })
const anyView = fc.record({
  height: fc.integer({ min: 100, max: 110 }),
  arrival: fc.option(anyArrival, { nil: undefined }),
  inChain: fc.boolean(),
  coin: fc.constantFrom<Coin | undefined>(
    unspent,
    { spender: id(9), exists: false },
    { spender: undefined, exists: false },
    undefined,
  ),
})

test('in any order of node states, a repeated poll reports nothing and money counts at most once', () => {
  fc.assert(
    fc.property(fc.array(anyView, { maxLength: 12 }), (views) => {
      let known: Deposit[] = []
      let counted = 0
      for (const one of views) {
        const block =
          one.arrival?.block === undefined ? undefined : { hash: id(one.arrival.block), height: one.arrival.block }
        const found = one.coin ? coins(one.coin, unspent) : new Map<string, Coin>()
        const tip = { hash: id(1000 + one.height), height: one.height }
        const now1 = view({
          tip,
          arrivals: one.arrival ? [arrival({ block })] : [],
          isInChain: () => one.inChain,
          coins: found,
        })
        const reports = recompute(known, now1).map((deposit) => reportDeposit(deposit, tip, TIERS))
        for (const { outcome } of reports) {
          if (outcome?.kind === 'received' && outcome.receipts[0]?.final) counted++
          if (outcome?.kind === 'reversed' && known[0]?.reported.as === 'final') counted--
        }
        assert.ok(counted === 0 || counted === 1)
        known = reports.map(({ deposit }) => deposit)
        const again = recompute(known, now1).map((deposit) => reportDeposit(deposit, tip, TIERS))
        assert.ok(again.every(({ outcome }) => outcome === undefined))
        const cursor = { network: 'regtest', blocks: [tip], watched: 'x', deposits: known } as const
        assert.deepEqual(readCursor(writeCursor(cursor)), cursor)
      }
    }),
  )
})
