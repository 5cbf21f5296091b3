import assert from 'node:assert/strict'
import { money } from '#money'
import type { CollectRequest, Fact, Rail, RailReceipt, Watched } from '#rails/contract'

/** Test double of payments for a watching rail: stores the cursor and the receipts by id, under the same rules as payments. */
export interface Desk {
  /** Polls until it reaches the best block. Returns the facts. */
  poll(): Promise<readonly Fact[]>
  /** Polls and discards the result, like a crash before the commit. */
  pollWithoutSaving(): Promise<readonly Fact[]>
  /** Creates an attempt and returns its address. */
  invoice(sats: bigint): Promise<{ attemptId: string; address: string; paymentUri: string }>
  /** Stops watching an attempt. */
  forget(attemptId: string): void
  /** Returns the sats of final receipts that were not reversed. */
  counted(attemptId?: string): bigint
  /** Returns the sats of receipts that are not final. */
  waiting(attemptId?: string): bigint
  receipts(attemptId?: string): readonly RailReceipt[]
  readonly cursor: string | undefined
}

interface StoredReceipt {
  attemptId: string
  receipt: RailReceipt
  reversed: boolean
}

export function openDesk(rail: Rail): Desk {
  const { watch, collect } = rail
  assert.ok(watch && collect)
  const watched = new Map<string, Watched>()
  const book = new Map<string, StoredReceipt>()
  const reversals = new Set<string>()
  let cursor: string | undefined
  let index = 0

  function store({ about, outcome }: Fact): void {
    assert.ok('attemptId' in about)
    const { attemptId } = about
    if (outcome.kind === 'received') {
      for (const receipt of outcome.receipts) {
        const before = book.get(receipt.id)
        // A final receipt is never reported again, neither as final nor as unconfirmed.
        if (before?.receipt.final) assert.ok(!receipt.final && before.reversed, `reported twice: ${receipt.id}`)
        book.set(receipt.id, { attemptId, receipt, reversed: false })
      }
    } else if (outcome.kind === 'reversed') {
      assert.ok(!reversals.has(outcome.reversalId), 'a reversal is reported once')
      reversals.add(outcome.reversalId)
      const before = book.get(outcome.receiptId)
      assert.ok(before && !before.reversed, `reversed an unknown receipt: ${outcome.receiptId}`)
      before.reversed = true
    } else assert.fail(`not a fact of a watch: ${outcome.kind}`)
  }

  const ask = async (): Promise<{ facts: readonly Fact[]; cursor: string; more: boolean }> =>
    watch.poll(cursor, [...watched.values()])
  const sum = (final: boolean, attemptId?: string): bigint =>
    [...book.values()]
      .filter((one) => !one.reversed && one.receipt.final === final && (attemptId ?? one.attemptId) === one.attemptId)
      .reduce((total, { receipt }) => total + receipt.gross.amount, 0n)

  return {
    poll: async () => {
      const all: Fact[] = []
      for (let more = true; more;) {
        const polled = await ask()
        polled.facts.forEach(store)
        all.push(...polled.facts)
        ;({ cursor, more } = polled)
      }
      return all
    },
    pollWithoutSaving: async () => (await ask()).facts,
    invoice: async (sats) => {
      const attemptId = `att_${index}`
      const request = requestOf(attemptId, sats, index++)
      const started = await collect.start(request)
      assert.equal(
        started.kind,
        'pending',
        JSON.stringify(started, (_, value: unknown) => String(value)),
      )
      assert.ok(started.kind === 'pending' && started.reference && started.address && started.paymentUri)
      watched.set(attemptId, { attemptId, reference: started.reference, amount: request.amount })
      return { attemptId, address: started.address, paymentUri: started.paymentUri }
    },
    forget: (attemptId) => void watched.delete(attemptId),
    counted: (attemptId) => sum(true, attemptId),
    waiting: (attemptId) => sum(false, attemptId),
    receipts: (attemptId) =>
      [...book.values()]
        .filter((one) => !one.reversed && (attemptId ?? one.attemptId) === one.attemptId)
        .map((one) => one.receipt),
    get cursor() {
      return cursor
    },
  }
}

export const requestOf = (attemptId: string, sats: bigint, index?: number): CollectRequest => ({
  attemptId,
  intentId: 'pay_1',
  amount: money('BTC/8', sats),
  payer: {},
  merchantName: 'Mama Njeri',
  description: 'Order 42',
  callbackUrl: 'http://127.0.0.1:9/callback',
  returnUrl: 'http://127.0.0.1:9/return',
  expiresAt: new Date('2026-01-15T09:15:00Z'),
  index,
})
