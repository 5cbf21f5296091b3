import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Money } from '#money'
import type { Rail, RailReceipt, RailStatement, StatementLine, Watched } from '#rails/contract'
import { addMs, type SetClock } from '#platform/base/clock'
import { refOf, TROUBLES, type RailTrial, type Trouble } from './collect.ts'

/** A completed payment: data of its attempt and its receipt. */
export interface CompletedPayment {
  readonly attemptId: string
  readonly reference: string
  readonly phone: string | undefined
  readonly amount: Money
  readonly receipt: RailReceipt
}

/** A rail and its simulated provider, with completed payments. */
export interface StatementTrial extends AsyncDisposable {
  readonly rail: Rail
  readonly clock: SetClock
  /** Starts a payment that is never paid. */
  startUnpaid(): Promise<void>
  /** Starts and pays a payment. */
  pay(): Promise<CompletedPayment>
  troubled(trouble: Trouble): Rail
}

const HOUR_MS = 3_600_000

/** Runs the contract tests of `RailStatement` on one rail over its simulator. */
export function testStatementContract(name: string, open: () => Promise<StatementTrial>): void {
  suite(`statement contract: ${name}`, () => {
    test('each payment is one line over all pages, and identifies its receipt and its attempt', async () => {
      await using trial = await open()
      await trial.startUnpaid()
      const paid: CompletedPayment[] = []
      for (let i = 0; i < 3; i++) paid.push(await trial.pay())
      const lines = await listAll(trial.rail, trial.clock, paid)
      assert.deepEqual(
        lines.map(({ gross }) => gross),
        paid.map(({ receipt }) => receipt.gross),
        'an unpaid payment has no line',
      )
      assert.equal(new Set(lines.map(({ id }) => id)).size, 3, 'each line has its own id')
      for (const one of paid) {
        const { receipt } = one
        const matches = lines.filter(
          ({ receiptId, number }) => receiptId === receipt.id || (number !== undefined && number === receipt.number),
        )
        assert.equal(matches.length, 1, `a receipt has one line: ${receipt.id}`)
        const [line] = matches
        const named = line?.attemptId === one.attemptId || line?.reference === one.reference
        assert.ok(named || line?.payerPhone === one.phone, 'the line identifies the attempt or the payer')
      }
      assert.deepEqual(await listAll(trial.rail, trial.clock, paid), lines, 'a repeated list is the same')
    })

    test('a line has the time of its payment', async () => {
      await using trial = await open()
      const paid = [await trial.pay()]
      const now = trial.clock.now()
      const [line] = await listAll(trial.rail, trial.clock, paid)
      assert.ok(line && Math.abs(line.at.getTime() - now.getTime()) < HOUR_MS / 60, String(line?.at))
      trial.clock.advance(30 * HOUR_MS)
      const later = await listAll(trial.rail, trial.clock, paid, HOUR_MS)
      assert.deepEqual(
        later.filter(({ at }) => at > addMs(now, HOUR_MS)),
        [],
        'another day does not list it',
      )
    })

    test('a faulty provider makes the list throw, so it never looks like a day without payments', async (t) => {
      await using trial = await open()
      const paid = [await trial.pay()]
      for (const trouble of Object.keys(TROUBLES) as Trouble[]) {
        await t.test(trouble, async () => {
          await assert.rejects(listAll(trial.troubled(trouble), trial.clock, paid))
        })
      }
    })
  })
}

/** Returns all lines of the last hours, oldest first. */
async function listAll(
  rail: Rail,
  clock: SetClock,
  paid: readonly CompletedPayment[],
  sinceMs = 12 * HOUR_MS,
): Promise<StatementLine[]> {
  const watched = paid.map(({ attemptId, reference, amount }): Watched => ({ attemptId, reference, amount }))
  const [from, to] = [addMs(clock.now(), -sinceMs), addMs(clock.now(), HOUR_MS)]
  const lines: StatementLine[] = []
  let cursor: string | undefined
  do {
    const page = await statementOf(rail).list({ from, to, cursor, watched })
    lines.push(...page.lines)
    cursor = page.cursor
  } while (cursor !== undefined)
  return lines.toSorted((a, b) => a.at.getTime() - b.at.getTime())
}

function statementOf({ statement }: Rail): RailStatement {
  assert.ok(statement)
  assert.equal(statement.unavailable?.(), undefined)
  return statement
}

/** Builds a statement trial from the trial of the collect suite, for a rail whose provider has a list. */
export async function toStatementTrial(open: () => Promise<RailTrial>): Promise<StatementTrial> {
  const trial = await open()
  const { rail, clock } = trial
  return {
    rail,
    clock,
    startUnpaid: async () => void (await rail.collect?.start(trial.request('declines'))),
    pay: async () => {
      const request = trial.request('pays')
      const createdAt = clock.now()
      const started = await rail.collect?.start(request)
      assert.ok(started)
      await trial.act('pays', request, started)
      const ref = refOf(request, createdAt, started)
      const checked = await rail.collect?.check(ref)
      assert.ok(checked?.kind === 'received')
      const [checkedReceipt] = checked.receipts
      assert.ok(checkedReceipt && ref.reference !== undefined)
      const number = receiptNumberOf(trial, checkedReceipt)
      const { attemptId, amount, payer } = request
      const receipt = number === undefined ? checkedReceipt : { ...checkedReceipt, number }
      return { attemptId, amount, phone: payer.phone, reference: ref.reference, receipt }
    },
    troubled: (trouble) => trial.troubled(trouble),
    [Symbol.asyncDispose]: () => trial[Symbol.asyncDispose](),
  }
}

/** Returns the receipt number from `check`, or from an event if `check` does not state it. */
function receiptNumberOf(trial: RailTrial, { id, number }: RailReceipt): string | undefined {
  if (number !== undefined) return number
  const facts = trial.inbound().flatMap((event) => trial.rail.webhook?.parse({ ...event, receivedAt: event.now }) ?? [])
  const receipts = facts.flatMap(({ outcome }) => (outcome.kind === 'received' ? outcome.receipts : []))
  return receipts.find((one) => one.id === id)?.number
}
