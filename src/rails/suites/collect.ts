import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  FAILURE_REASONS,
  type AttemptRef,
  type Collect,
  type CollectRequest,
  type Fact,
  type FailureReason,
  type InboundRequest,
  type Outcome,
  type Rail,
  type RailReceipt,
  type Webhook,
} from '#rails/contract'
import { addMs, type SetClock } from '#platform/base/clock'

/** What the payer of an attempt does. `lost-answer`: pays, but the answer to `start` never arrives. */
export type Payer = 'pays' | 'declines' | 'lost-answer'

/** How a provider can misbehave, and whether its answer says surely that nothing was begun. */
export const TROUBLES = {
  unreachable: 'surely-not',
  cut: 'doubt',
  'cut-after': 'doubt',
  silent: 'doubt',
  'server-error': 'doubt',
  page: 'doubt',
  'other-json': 'doubt',
  'wrong-types': 'doubt',
  'too-many': 'either',
  'forbidden-page': 'either',
} as const
export type Trouble = keyof typeof TROUBLES

/** A rail with its simulated provider, as each rail's contract.test.ts sets it up. */
export interface RailTrial extends AsyncDisposable {
  readonly rail: Rail
  readonly clock: SetClock
  /** A new attempt whose payer will do so. */
  request(payer: Payer): CollectRequest
  /** The payer acts, time passes, and what the provider then tells is delivered. */
  act(payer: Payer, request: CollectRequest, started: Outcome): Promise<void>
  /** What came to the webhook so far, as its edge would hand it over. */
  inbound(): readonly InboundRequest[]
  /** What came, as somebody would send it who is not the provider; by default without headers and token. */
  forged?(event: InboundRequest): InboundRequest
  /** How a decline shows: the attempt failed, or it goes on and names the decline. */
  readonly decline: { readonly kind: 'failed' | 'pending'; readonly reason: FailureReason }
  /**
   * What becomes of an attempt whose answer was lost. `asked`: it is found by asking. `told`: only its callback tells. `unpayable`: nobody can
   * pay it, since what the payer needs was in the answer; it fails within two minutes.
   */
  readonly lost: 'asked' | 'told' | 'unpayable'
  /** The same rail with a provider in trouble. */
  troubled(trouble: Trouble): Rail
}

const LOST_MS = 120_000

type Open = () => Promise<RailTrial>

/** The promises of src/payments/rail.ts, tried on one rail over its simulator. */
export function testRailContract(name: string, open: Open): void {
  suite(`rail contract: ${name}`, () => {
    testPaying(open)
    testDeclining(open)
    testLostAnswer(open)
    testInbound(open)
    testTrouble(open)
    testLimits(open)
  })
}

/** The attempt as payments would know it; `reference` as `start` told it. */
export function refOf(request: CollectRequest, createdAt: Date, outcome?: Outcome): AttemptRef {
  const { attemptId, intentId, amount, payer } = request
  const reference = outcome && 'reference' in outcome ? outcome.reference : undefined
  return { attemptId, intentId, amount, payer, reference, createdAt, request }
}

function testPaying(open: Open): void {
  test('start is pending with a reference, and nothing is received before the payer acts', async () => {
    await using trial = await open()
    const request = trial.request('pays')
    const createdAt = trial.clock.now()
    const started = await requireCollect(trial.rail).start(request)
    assert.equal(started.kind, 'pending')
    assert.ok(referenceOf(started))
    const checked = await requireCollect(trial.rail).check(refOf(request, createdAt, started))
    assert.equal(checked.kind, 'pending')
    assert.equal(referenceOf(checked), referenceOf(started))
  })

  test('money is the same receipt by check, by each further check, and by webhook', async () => {
    await using trial = await open()
    const { request, ref, checked } = await payOnce(trial)
    const [receipt] = requireReceipts(checked)
    assert.deepEqual(receipt?.gross, request.amount)
    assert.equal(receipt?.final, true)
    const again = await requireCollect(trial.rail).check(ref)
    assert.equal(requireReceipts(again)[0]?.id, receipt?.id)
    const facts = factsOf(trial)
    assert.ok(facts.length > 0, 'the provider told nothing')
    for (const fact of facts) {
      if (fact.outcome.kind === 'received') assert.equal(requireReceipts(fact.outcome)[0]?.id, receipt?.id)
      else assert.ok(fact.needsCheck, `an event that only says "news" must ask for a check: ${fact.outcome.kind}`)
    }
  })
}

function testDeclining(open: Open): void {
  test('a decline has a reason of the list', async () => {
    await using trial = await open()
    const request = trial.request('declines')
    const createdAt = trial.clock.now()
    const started = await requireCollect(trial.rail).start(request)
    await trial.act('declines', request, started)
    const checked = await requireCollect(trial.rail).check(refOf(request, createdAt, started))
    assert.equal(checked.kind, trial.decline.kind)
    const reason =
      checked.kind === 'failed' ? checked.reason : checked.kind === 'pending' ? checked.declined : undefined
    assert.equal(reason, trial.decline.reason)
    assert.ok(reason && FAILURE_REASONS.includes(reason))
    for (const { outcome } of factsOf(trial)) assert.notEqual(outcome.kind, 'received')
  })
}

function testLostAnswer(open: Open): void {
  test('a lost answer is unknown, and the money is found or told later', async () => {
    await using trial = await open()
    const { rail, clock } = trial
    const request = trial.request('lost-answer')
    const createdAt = clock.now()
    const lossy = trial.lost === 'told' ? rail : trial.troubled('cut-after')
    const started = await requireCollect(lossy).start(request)
    assert.equal(started.kind, 'unknown')
    assert.equal(referenceOf(started), undefined)
    const asked = await requireCollect(rail).check(refOf(request, createdAt, started))
    assert.equal(asked.kind, trial.lost === 'asked' ? 'pending' : 'unknown')
    if (trial.lost === 'unpayable') {
      clock.advance(LOST_MS)
      const over = await requireCollect(rail).check(refOf(request, createdAt, started))
      assert.equal(over.kind === 'failed' && over.reason, 'provider-unavailable')
      return
    }
    await trial.act('lost-answer', request, asked)
    const told =
      trial.lost === 'asked'
        ? asked
        : factsOf(trial)
            .map(({ outcome }) => outcome)
            .find(referenceOf)
    assert.ok(told, 'neither the provider nor a callback told the reference')
    const found = await requireCollect(rail).check(refOf(request, createdAt, told))
    assert.deepEqual(requireReceipts(found)[0]?.gross, request.amount)
  })
}

function testInbound(open: Open): void {
  test('the same event twice is the same event', async () => {
    await using trial = await open()
    await payOnce(trial)
    const [event] = trial.inbound()
    assert.ok(event)
    const keys = [event, event].map((each) => keyOf(requireWebhook(trial.rail), each))
    assert.equal(keys[0], keys[1])
  })

  test('forged and malformed requests are refused or never understood', async () => {
    await using trial = await open()
    await payOnce(trial)
    const webhook = requireWebhook(trial.rail)
    const [event] = trial.inbound()
    assert.ok(event)
    assert.equal(webhook.verify(event).ok, true)
    const foreign = trial.forged?.(event) ?? { ...event, headers: {}, tokenAttemptId: undefined }
    assert.equal(webhook.verify(foreign).ok, false, 'neither signed nor with a token')
    for (const text of ['', 'not json', '[]', '"text"', 'null']) {
      assert.equal(webhook.verify({ ...event, rawBody: Buffer.from(text) }).ok, false, `body ${text}`)
    }
    for (const text of ['{}', '{"Body":{}}', '{"id":1}']) {
      const parse = (): unknown => webhook.parse({ ...event, rawBody: Buffer.from(text), receivedAt: event.now })
      assert.throws(parse, `a body of a form never seen is parked: ${text}`)
    }
  })
}

function testTrouble(open: Open): void {
  test('a provider in trouble: never a false failure, never a throw', async (t) => {
    await using trial = await open()
    const healthy = trial.request('pays')
    const createdAt = trial.clock.now()
    const started = await requireCollect(trial.rail).start(healthy)
    for (const [trouble, says] of Object.entries(TROUBLES) as [Trouble, (typeof TROUBLES)[Trouble]][]) {
      await t.test(trouble, async () => {
        const collect = requireCollect(trial.troubled(trouble))
        const checked = await collect.check(refOf(healthy, createdAt, started))
        assert.equal(checked.kind, 'unknown', 'a check that got no answer knows nothing')
        assert.equal(referenceOf(checked), referenceOf(started), 'and keeps the reference')

        const fresh = await collect.start(trial.request('pays'))
        if (says === 'doubt') assert.equal(fresh.kind, 'unknown', JSON.stringify(fresh))
        if (says === 'surely-not') assert.equal(fresh.kind, 'failed', JSON.stringify(fresh))
        if (fresh.kind === 'failed') assert.ok(['provider-unavailable', 'provider-rejected'].includes(fresh.reason))
        else assert.equal(fresh.kind, 'unknown')
      })
    }
  })
}

function testLimits(open: Open): void {
  test('amounts outside the limits are refused before the provider is asked', async () => {
    await using trial = await open()
    const { rail } = trial
    assert.equal(rail.unavailable(), undefined)
    const request = trial.request('pays')
    const { min, max, step } = rail.limits(request.amount.asset)
    assert.ok(rail.assets.includes(request.amount.asset))
    assert.ok(0n < step && step <= min && min <= max)
    for (const amount of [min - step, max + step, 0n, -min, ...(step > 1n ? [min + step / 2n] : [])]) {
      const outcome = await requireCollect(rail).start({ ...request, amount: { ...request.amount, amount } })
      assert.equal(outcome.kind === 'failed' && outcome.reason, 'limit-exceeded', `amount ${amount}`)
    }
  })

  test('times are told in full', async () => {
    await using trial = await open()
    const { checkAfterMs, lifetimeMs } = requireCollect(trial.rail)
    assert.ok(checkAfterMs.every((waitMs) => waitMs >= 1000))
    assert.ok((checkAfterMs[0] ?? 0) <= 5000, 'the first look is soon')
    assert.ok(lifetimeMs > 0 && addMs(trial.clock.now(), lifetimeMs) > trial.clock.now())
  })
}

async function payOnce(trial: RailTrial): Promise<{ request: CollectRequest; ref: AttemptRef; checked: Outcome }> {
  const request = trial.request('pays')
  const createdAt = trial.clock.now()
  const started = await requireCollect(trial.rail).start(request)
  await trial.act('pays', request, started)
  const ref = refOf(request, createdAt, started)
  return { request, ref, checked: await requireCollect(trial.rail).check(ref) }
}

/** All facts of the events that were admitted. */
function factsOf(trial: RailTrial): Fact[] {
  const webhook = requireWebhook(trial.rail)
  return trial.inbound().flatMap((event) => {
    assert.equal(webhook.verify(event).ok, true)
    return [...webhook.parse({ ...event, receivedAt: event.now })]
  })
}

function keyOf(webhook: Webhook, event: InboundRequest): string {
  const verdict = webhook.verify(event)
  assert.ok(verdict.ok)
  return verdict.eventId ?? event.rawBody.toString('base64')
}

function requireCollect({ collect }: Rail): Collect {
  assert.ok(collect)
  return collect
}

function requireWebhook({ webhook }: Rail): Webhook {
  assert.ok(webhook)
  return webhook
}

function requireReceipts(outcome: Outcome): readonly RailReceipt[] {
  assert.equal(
    outcome.kind,
    'received',
    JSON.stringify(outcome, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
  )
  return outcome.kind === 'received' ? outcome.receipts : []
}

const referenceOf = (outcome: Outcome): string | undefined => ('reference' in outcome ? outcome.reference : undefined)
