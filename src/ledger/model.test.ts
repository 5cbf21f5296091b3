import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addMs } from '#platform/base/clock'
import { deriveUuid } from '#platform/base/ids'
import { KES, openTestLedger, limitedAccount, countResults, unlimitedAccount, type TestLedger } from './fixture.ts'
import type { Account, Transfer } from './index.ts'

// A simple in-memory ledger. It defines the expected result of any sequence of operations.

const ACCOUNTS: readonly Account[] = [
  limitedAccount('a'),
  limitedAccount('b'),
  limitedAccount('c'),
  unlimitedAccount,
  { code: 'hot', asset: KES, mayOverdraw: true, shards: 4 },
]
const accountOf = (index: number): Account => ACCOUNTS[index % ACCOUNTS.length] ?? unlimitedAccount

interface Move {
  /** Drawn from few values, so that repeats and mismatches occur. */
  id: number
  from: number
  to: number
  amount: number
}
type Operation =
  | { act: 'post'; moves: Move[] }
  | { act: 'hold'; id: number; account: number; amount: number; forMs: number }
  | { act: 'settle'; hold: number; transfer: number; to: number; amount: number }
  | { act: 'release'; hold: number }
  | { act: 'wait'; ms: number }
/** An operation, or a repeat of the operation `back` places before. */
type Step = Operation | { act: 'again'; back: number }

interface ModelHold {
  account: Account
  amount: bigint
  expiresMs: number
  state: string
  transfer?: string
}

class Model {
  balances = new Map<string, { posted: bigint; held: bigint }>(
    ACCOUNTS.map(({ code }) => [code, { posted: 0n, held: 0n }]),
  )
  transfers = new Map<string, string>()
  holds = new Map<string, ModelHold>()
  nowMs = 0

  of({ code }: Account): { posted: bigint; held: bigint } {
    const balance = this.balances.get(code)
    assert.ok(balance)
    return balance
  }

  post(transfers: readonly Transfer[]): string {
    if (transfers.some(({ from, to }) => from.code === to.code)) return 'ledger.bad-transfer'
    if (new Set(transfers.map(({ id }) => id)).size < transfers.length) return 'ledger.bad-transfer'
    const known = transfers.filter(({ id }) => this.transfers.has(id))
    if (known.some((transfer) => this.transfers.get(transfer.id) !== contentOf(transfer)))
      return 'ledger.transfer-mismatch'
    if (known.length > 0) return known.length === transfers.length ? 'repeated' : 'ledger.transfer-mismatch'
    const ends = new Map(ACCOUNTS.map((account) => [account.code, this.of(account).posted]))
    for (const { from, to, amount } of transfers) {
      ends.set(from.code, (ends.get(from.code) ?? 0n) - amount)
      ends.set(to.code, (ends.get(to.code) ?? 0n) + amount)
    }
    for (const account of ACCOUNTS) {
      if (!account.mayOverdraw && (ends.get(account.code) ?? 0n) < this.of(account).held)
        return 'ledger.insufficient-funds'
    }
    for (const account of ACCOUNTS) this.of(account).posted = ends.get(account.code) ?? 0n
    for (const transfer of transfers) this.transfers.set(transfer.id, contentOf(transfer))
    return 'posted'
  }

  hold(id: string, account: Account, amount: bigint, expiresMs: number): string {
    const known = this.holds.get(id)
    if (known) return known.account === account && known.amount === amount ? 'true' : 'ledger.hold-mismatch'
    if (account.mayOverdraw) return 'ledger.hold-without-limit'
    const balance = this.of(account)
    if (balance.posted - balance.held < amount) return 'false'
    balance.held += amount
    this.holds.set(id, { account, amount, expiresMs, state: 'open' })
    return 'true'
  }

  settle(id: string, transfer: (from: Account) => Transfer): string {
    const hold = this.holds.get(id)
    if (!hold) return 'false'
    const moved = transfer(hold.account)
    if (hold.state === 'settled' && hold.transfer === moved.id) {
      return this.transfers.get(moved.id) === contentOf(moved) ? 'true' : 'ledger.transfer-mismatch'
    }
    if (hold.state !== 'open') return 'false'
    if (moved.amount > hold.amount) return 'ledger.hold-exceeded'
    if (moved.from.code === moved.to.code) return 'ledger.bad-transfer'
    if (this.transfers.has(moved.id)) return 'ledger.transfer-mismatch'
    this.free(hold, 'settled')
    hold.transfer = moved.id
    assert.equal(this.post([moved]), 'posted')
    return 'true'
  }

  release(id: string): string {
    const hold = this.holds.get(id)
    if (!hold) return 'false'
    if (hold.state === 'open') this.free(hold, 'released')
    return String(hold.state !== 'settled')
  }

  wait(ms: number): string {
    this.nowMs += ms
    const due = [...this.holds.values()].filter(({ state, expiresMs }) => state === 'open' && expiresMs <= this.nowMs)
    for (const hold of due) this.free(hold, 'expired')
    return String(due.length)
  }

  free(hold: ModelHold, state: string): void {
    hold.state = state
    this.of(hold.account).held -= hold.amount
  }
}

const contentOf = ({ from, to, amount, kind, ref }: Transfer): string =>
  [from.code, to.code, amount, kind, ref].join(' ')

const number = (most: number): fc.Arbitrary<number> => fc.integer({ min: 0, max: most })
const amounts = fc.integer({ min: 1, max: 60 })
/** Rarely from an account to itself. */
const moves = fc
  .record({
    id: number(40),
    from: number(4),
    hop: fc.constantFrom(1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 0),
    amount: amounts,
  })
  .map(({ hop, ...move }) => ({ ...move, to: move.from + hop }))
const operations: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      act: fc.constant('post' as const),
      moves: fc.array(moves, {
        minLength: 1,
        maxLength: 6,
      }),
    }),
  },
  // Money from the world account, so that other operations have something to move.
  {
    weight: 3,
    arbitrary: fc
      .record({ id: number(40), to: number(2), amount: amounts })
      .map((move) => ({ act: 'post' as const, moves: [{ ...move, from: 3 }] })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('hold' as const),
      id: number(9),
      account: fc.constantFrom(0, 0, 1, 1, 2, 3),
      amount: amounts,
      forMs: number(300),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('settle' as const),
      hold: number(9),
      transfer: number(80),
      to: number(4),
      amount: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('release' as const), hold: number(9) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('wait' as const), ms: number(60) }) },
)

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: operations },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('again' as const), back: fc.integer({ min: 1, max: 5 }) }) },
)
const sequences: fc.Arbitrary<Operation[]> = fc
  .array(steps, { minLength: 10, maxLength: 60, size: 'max' })
  .map((all) => {
    const sequence: Operation[] = []
    for (const step of all) {
      const operation = step.act === 'again' ? sequence.at(-step.back) : step
      if (operation) sequence.push(operation)
    }
    return sequence
  })

/** Creates a run with transfer ids and accounts of its own, so that runs do not affect each other. */
function createRun(
  t: TestLedger,
  run: number,
): { apply(operation: Operation): Promise<[string, string]>; check(): Promise<void> } {
  const model = new Model()
  const inRun = (account: Account): Account => ({ ...account, code: `run-${run}:${account.code}` })
  const uuid = (kind: string, id: number): string => deriveUuid(`${run}-${id}`, kind)
  const transferOf = ({ id, amount }: { id: number; amount: number }, from: Account, to: Account): Transfer => {
    return { id: uuid('transfer', id), from, to, amount: BigInt(amount), kind: 'test.move', ref: String(id % 3) }
  }
  const toRunTransfer = (transfer: Transfer): Transfer => ({
    ...transfer,
    from: inRun(transfer.from),
    to: inRun(transfer.to),
  })
  const runResult = async (act: Promise<unknown>): Promise<string> => Object.keys(await countResults([act]))[0] ?? ''

  /** Picks mostly an open hold, otherwise any id, known or unknown. */
  const chosenHold = (n: number): string => {
    const open = [...model.holds].filter(([, { state }]) => state === 'open').map(([id]) => id)
    return (n % 4 > 0 ? open[n % Math.max(1, open.length)] : undefined) ?? uuid('hold', n)
  }

  const apply = async (operation: Operation): Promise<[string, string]> => {
    switch (operation.act) {
      case 'post': {
        const transfers = operation.moves.map((move) => transferOf(move, accountOf(move.from), accountOf(move.to)))
        return [await runResult(t.post(...transfers.map(toRunTransfer))), model.post(transfers)]
      }
      case 'hold': {
        const [id, account, amount] = [
          uuid('hold', operation.id),
          accountOf(operation.account),
          BigInt(operation.amount),
        ]
        const expiresAt = addMs(t.clock.now(), operation.forMs)
        const done = await runResult(t.ledger.hold(t.db, { id, account: inRun(account), amount, expiresAt }))
        return [done, model.hold(id, account, amount, model.nowMs + operation.forMs)]
      }
      case 'settle': {
        const [holdId, to] = [chosenHold(operation.hold), accountOf(operation.to)]
        const {
          id: transferId,
          amount,
          kind,
          ref,
        } = transferOf({ ...operation, id: operation.transfer }, unlimitedAccount, to)
        const done = await runResult(t.ledger.settle(t.db, { holdId, transferId, to: inRun(to), amount, kind, ref }))
        return [done, model.settle(holdId, (from) => ({ id: transferId, from, to, amount, kind, ref }))]
      }
      case 'release': {
        const id = chosenHold(operation.hold)
        return [await runResult(t.ledger.release(t.db, id)), model.release(id)]
      }
      case 'wait':
        t.clock.advance(operation.ms)
        return [await runResult(t.ledger.expireHolds(t.db)), model.wait(operation.ms)]
    }
  }
  const check = async (): Promise<void> => {
    for (const account of ACCOUNTS) {
      const { posted, held } = await t.ledger.balance(t.db, inRun(account).code, KES)
      assert.deepEqual({ posted, held }, model.of(account), account.code)
    }
  }
  return { apply, check }
}

void test('any sequence of operations gives the same results as an in-memory ledger', async () => {
  await using t = await openTestLedger()
  const seen = new Map<string, number>()
  let runs = 0
  await fc.assert(
    fc.asyncProperty(sequences, async (sequence) => {
      const run = createRun(t, ++runs)
      for (const operation of sequence) {
        const [is, should] = await run.apply(operation)
        assert.equal(is, should, JSON.stringify(operation))
        seen.set(`${operation.act} ${is}`, (seen.get(`${operation.act} ${is}`) ?? 0) + 1)
      }
      await run.check()
      // Expire this run's open holds now, or the next run would sweep them.
      t.clock.advance(1_000)
      await t.ledger.expireHolds(t.db)
    }),
    // Report a failure before the test's own timeout, even though it is not fully shrunk.
    { numRuns: 40, interruptAfterTimeLimit: 40_000, markInterruptAsFailure: true },
  )
  assert.deepEqual(await t.violations(), [])
  // The sequences are useful only if they reach every relevant outcome.
  for (const outcome of [
    'post posted',
    'post repeated',
    'post ledger.insufficient-funds',
    'post ledger.transfer-mismatch',
    'hold true',
    'hold false',
    'settle true',
    'settle false',
    'release true',
  ]) {
    assert.ok(seen.has(outcome), `no sequence reached: ${outcome}`)
  }
})
