import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readCursor, writeCursor } from './cursor.ts'
import { confirmationsNeeded, parseTiers, toleranceOf, type Tier } from './finality.ts'
import { recompute, type Arrival, type Coin, type Sighting, type View } from './sightings.ts'
import { tell } from './telling.ts'

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
const there: Coin = { spender: undefined, exists: true }
const only = (sightings: readonly Sighting[]): Sighting => {
  assert.equal(sightings.length, 1)
  assert.ok(sightings[0])
  return sightings[0]
}
const waiting = only(recompute([], view({ arrivals: [arrival()] })))

test('where a vanished payment went is read from the coins it spends', () => {
  const stateAfter = (found: ReadonlyMap<string, Coin>): object =>
    only(recompute([waiting], view({ coins: found }))).state
  assert.deepEqual(stateAfter(coins(there, { spender: id(9), exists: false })), { kind: 'replaced', by: id(9) })
  assert.deepEqual(stateAfter(coins(there, { spender: undefined, exists: false })), { kind: 'conflicted' })
  assert.deepEqual(stateAfter(coins(there, there)), { kind: 'orphaned' })
  assert.deepEqual(stateAfter(new Map()), { kind: 'mempool' }, 'not asked about: nothing is known')
  assert.deepEqual(
    stateAfter(coins({ spender: id(1), exists: false }, there)),
    { kind: 'conflicted' },
    'itself replaces nothing',
  )
})

test('a block outranks the mempool, whichever is told first', () => {
  const block = { hash: id(50), height: 99 }
  const both = [arrival({ block }), arrival()]
  for (const arrivals of [both, both.toReversed()])
    assert.deepEqual(only(recompute([], view({ arrivals }))).state, { kind: 'confirmed', ...block })
  const elsewhere = only(recompute([waiting], view({ arrivals: [arrival({ block })], isInChain: () => false })))
  assert.equal(elsewhere.state.kind, 'mempool', 'a block that is no longer of the chain confirms nothing')
})

test('tiers: limits belong to the lower one, rewards wait for a hundred, what may be replaced for one', () => {
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

test('tolerance is exact to the sat, and rounds down', () => {
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
    there,
    { spender: id(9), exists: false },
    { spender: undefined, exists: false },
    undefined,
  ),
})

test('whatever a node tells in whatever order: a look repeated tells nothing, and money counts as often as it is there', () => {
  fc.assert(
    fc.property(fc.array(anyView, { maxLength: 12 }), (views) => {
      let known: Sighting[] = []
      let counted = 0
      for (const one of views) {
        const block =
          one.arrival?.block === undefined ? undefined : { hash: id(one.arrival.block), height: one.arrival.block }
        const found = one.coin ? coins(one.coin, there) : new Map<string, Coin>()
        const tip = { hash: id(1000 + one.height), height: one.height }
        const now1 = view({
          tip,
          arrivals: one.arrival ? [arrival({ block })] : [],
          isInChain: () => one.inChain,
          coins: found,
        })
        const tellings = recompute(known, now1).map((sighting) => tell(sighting, tip, TIERS))
        for (const { outcome } of tellings) {
          if (outcome?.kind === 'received' && outcome.receipts[0]?.final) counted++
          if (outcome?.kind === 'reversed' && known[0]?.told.as === 'final') counted--
        }
        assert.ok(counted === 0 || counted === 1)
        known = tellings.map(({ sighting }) => sighting)
        const again = recompute(known, now1).map((sighting) => tell(sighting, tip, TIERS))
        assert.ok(again.every(({ outcome }) => outcome === undefined))
        const cursor = { network: 'regtest', blocks: [tip], watched: 'x', sightings: known } as const
        assert.deepEqual(readCursor(writeCursor(cursor)), cursor)
      }
    }),
  )
})
