import assert from 'node:assert/strict'
import { money } from '#money'
import type { CollectRequest, Fact, Rail, RailReceipt, Watched } from '#rails/contract'

/** What a desk keeps of a watching rail: its cursor, and receipts by their id. Written as payments must do it, for the tests. */
export interface Desk {
  /** Looks until there is no more. The facts that came. */
  look(): Promise<readonly Fact[]>
  /** Looks, and loses what it learned, as a crash before the commit does. */
  lookInVain(): Promise<readonly Fact[]>
  /** A new attempt; its address. */
  invoice(sats: bigint): Promise<{ attemptId: string; address: string; paymentUri: string }>
  /** The desk no longer asks about it. */
  forget(attemptId: string): void
  /** Sats of final receipts that were not taken back. */
  counted(attemptId?: string): bigint
  /** Sats of receipts that are seen and not final. */
  waiting(attemptId?: string): bigint
  receipts(attemptId?: string): readonly RailReceipt[]
  readonly cursor: string | undefined
}

interface Kept {
  attemptId: string
  receipt: RailReceipt
  gone: boolean
}

export function openDesk(rail: Rail): Desk {
  const { watch, collect } = rail
  assert.ok(watch && collect)
  const watched = new Map<string, Watched>()
  const book = new Map<string, Kept>()
  const reversals = new Set<string>()
  let cursor: string | undefined
  let index = 0

  function keep({ about, outcome }: Fact): void {
    assert.ok('attemptId' in about)
    const { attemptId } = about
    if (outcome.kind === 'received') {
      for (const receipt of outcome.receipts) {
        const before = book.get(receipt.id)
        // A receipt that was counted is never counted again, and never becomes unsure.
        if (before?.receipt.final) assert.ok(!receipt.final && before.gone, `told twice: ${receipt.id}`)
        book.set(receipt.id, { attemptId, receipt, gone: false })
      }
    } else if (outcome.kind === 'reversed') {
      assert.ok(!reversals.has(outcome.reversalId), 'a reversal is told once')
      reversals.add(outcome.reversalId)
      const before = book.get(outcome.receiptId)
      assert.ok(before && !before.gone, `reversed without being there: ${outcome.receiptId}`)
      before.gone = true
    } else assert.fail(`not a fact of a watch: ${outcome.kind}`)
  }

  const ask = async (): Promise<{ facts: readonly Fact[]; cursor: string; more: boolean }> =>
    watch.look(cursor, [...watched.values()])
  const sum = (final: boolean, attemptId?: string): bigint =>
    [...book.values()]
      .filter((one) => !one.gone && one.receipt.final === final && (attemptId ?? one.attemptId) === one.attemptId)
      .reduce((total, { receipt }) => total + receipt.gross.amount, 0n)

  return {
    look: async () => {
      const all: Fact[] = []
      for (let more = true; more;) {
        const looked = await ask()
        looked.facts.forEach(keep)
        all.push(...looked.facts)
        ;({ cursor, more } = looked)
      }
      return all
    },
    lookInVain: async () => (await ask()).facts,
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
        .filter((one) => !one.gone && (attemptId ?? one.attemptId) === one.attemptId)
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
