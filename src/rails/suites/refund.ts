import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type {
  InboundRequest,
  Rail,
  RefundFact,
  Refunding,
  RefundOutcome,
  RefundRef,
  RefundRequest,
} from '#rails/contract'
import type { SetClock } from '#platform/base/clock'
import { TROUBLES, type Trouble } from './collect.ts'

/** A rail and its simulated provider, with payments that can be refunded. */
export interface RefundTrial extends AsyncDisposable {
  readonly rail: Rail
  readonly clock: SetClock
  /** Creates a payment and returns a request to refund it. `fails`: the refund is refused or returned. */
  request(how: 'arrives' | 'fails'): Promise<RefundRequest>
  /** Advances the time and delivers the provider's events. */
  pass(ms: number): Promise<void>
  inbound(): readonly InboundRequest[]
  troubled(trouble: Trouble): Rail
}

/** Runs the contract tests of `Refunding` on one rail over its simulator. */
export function testRefundContract(name: string, open: () => Promise<RefundTrial>): void {
  suite(`refund contract: ${name}`, () => {
    test('response, check and webhook report the same refund', async () => {
      await using trial = await open()
      const request = await trial.request('arrives')
      const sent = await refundOf(trial.rail).send(request)
      assert.ok(sent.kind === 'pending' || sent.kind === 'succeeded', JSON.stringify(sent))
      const { outcome, references } = await settle(trial, request, sent)
      assert.equal(outcome.kind, 'succeeded')
      assert.equal(references.size, 1, [...references].join())
    })

    test('a refund that does not arrive is reported as failed', async () => {
      await using trial = await open()
      const request = await trial.request('fails')
      const sent = await refundOf(trial.rail).send(request)
      const { outcome } = await settle(trial, request, sent, 'failed')
      assert.equal(outcome.kind, 'failed')
    })

    test('sending the same request twice creates one refund', async () => {
      await using trial = await open()
      const request = await trial.request('arrives')
      const [first, second] = [await refundOf(trial.rail).send(request), await refundOf(trial.rail).send(request)]
      assert.notEqual(second.kind, 'failed', 'a repeat does not prove that nothing was sent')
      assert.equal('reference' in second ? second.reference : undefined, 'reference' in first ? first.reference : '')
    })

    test('a lost response is unknown, and a check finds the refund', async () => {
      await using trial = await open()
      const request = await trial.request('arrives')
      const sent = await refundOf(trial.troubled('cut-after')).send(request)
      assert.equal(sent.kind, 'unknown')
      const { outcome } = await settle(trial, request, sent)
      assert.equal(outcome.kind, 'succeeded')
    })

    test('a faulty provider never causes a false failure or an exception', async (t) => {
      await using trial = await open()
      const request = await trial.request('arrives')
      const sent = await refundOf(trial.rail).send(request)
      for (const [trouble, says] of Object.entries(TROUBLES) as [Trouble, (typeof TROUBLES)[Trouble]][]) {
        await t.test(trouble, async () => {
          const troubled = refundOf(trial.troubled(trouble))
          const checked = await troubled.check(refOf(trial, request, sent))
          assert.equal(checked.kind, 'unknown', 'a check without a usable response is unknown')
          const fresh = await troubled.send(await trial.request('arrives'))
          if (says === 'doubt') assert.equal(fresh.kind, 'unknown', JSON.stringify(fresh))
          if (says === 'surely-not') assert.equal(fresh.kind, 'failed', JSON.stringify(fresh))
          if (fresh.kind !== 'failed') assert.equal(fresh.kind, 'unknown')
        })
      }
    })

    test('amounts outside the limits are refused without a request to the provider', async () => {
      await using trial = await open()
      const request = await trial.request('arrives')
      const { min, max, step } = refundOf(trial.rail).limits(request.amount.asset)
      for (const amount of [min - step, max + step, 0n, -min]) {
        const outcome = await refundOf(trial.rail).send({ ...request, amount: { ...request.amount, amount } })
        assert.equal(outcome.kind === 'failed' && outcome.reason, 'limit-exceeded', `amount ${amount}`)
      }
    })
  })
}

const refOf = (trial: RefundTrial, request: RefundRequest, { ...outcome }: RefundOutcome): RefundRef => ({
  ...request,
  reference: 'reference' in outcome ? outcome.reference : undefined,
  sentAt: trial.clock.now(),
})

/** Checks and reads events like payments, until the refund reaches the expected state or 12 rounds have passed. */
async function settle(
  trial: RefundTrial,
  request: RefundRequest,
  sent: RefundOutcome,
  until: 'succeeded' | 'failed' = 'succeeded',
): Promise<{ outcome: RefundOutcome; references: Set<string> }> {
  const references = new Set<string>()
  let known = sent
  let readCount = 0
  for (let turn = 0; turn < 12; turn++) {
    await trial.pass(10_000)
    const checked = await refundOf(trial.rail).check(refOf(trial, request, known))
    await trial.pass(0)
    const inbound = trial.inbound()
    const proven = [...inbound.slice(readCount).flatMap((event) => provenBy(trial.rail, event, request)), checked]
    readCount = inbound.length
    for (const each of [known, ...proven]) if ('reference' in each && each.reference) references.add(each.reference)
    known = checked
    const end = proven.find(({ kind }) => kind === until)
    if (end) return { outcome: end, references }
  }
  return { outcome: known, references }
}

/** Returns the outcomes of this refund that an event proves by itself. */
function provenBy(rail: Rail, event: InboundRequest, { refundId }: RefundRequest): RefundOutcome[] {
  assert.equal(rail.webhook?.verify(event).ok, true)
  const facts: readonly RefundFact[] = rail.refund?.parse?.({ ...event, receivedAt: event.now }) ?? []
  return facts.flatMap((fact) => {
    if (fact.kind === 'sending') return fact.needsCheck || fact.refundId !== refundId ? [] : [fact.outcome]
    return fact.kind === 'observed' && fact.refund.refundId === refundId ? [fact.refund.outcome] : []
  })
}

function refundOf({ refund }: Rail): Refunding {
  assert.ok(refund)
  return refund
}
