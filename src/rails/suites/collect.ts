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

/** Action of an attempt's payer. `lost-answer`: the payer pays, but the response to `start` is lost. */
export type Payer = 'pays' | 'declines' | 'lost-answer'

/** Faults of a provider, and whether the response proves that the provider did nothing. */
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

/** A rail and its simulated provider. Each rail's contract.test.ts opens one. */
export interface RailTrial extends AsyncDisposable {
  readonly rail: Rail
  readonly clock: SetClock
  /** Returns the request of a new attempt with this payer. */
  request(payer: Payer): CollectRequest
  /** Performs the payer's action, advances the time and delivers the provider's events. */
  act(payer: Payer, request: CollectRequest, started: Outcome): Promise<void>
  /** Returns the webhook requests so far, as the HTTP edge passes them to the rail. */
  inbound(): readonly InboundRequest[]
  /** Returns the request as an attacker would send it. Default: without headers and token. */
  forged?(event: InboundRequest): InboundRequest
  /** Outcome of a decline: the attempt failed, or it stays pending and names the decline. */
  readonly decline: { readonly kind: 'failed' | 'pending'; readonly reason: FailureReason }
  /**
   * Result of an attempt whose `start` response was lost. `check`: a check finds it. `callback`: only its callback reports it. `unpayable`: the
   * response contained data that the payer needs, so the attempt cannot be paid and fails within two minutes.
   */
  readonly lost: 'check' | 'callback' | 'unpayable'
  /** Returns the same rail with a faulty provider. */
  troubled(trouble: Trouble): Rail
}

const LOST_MS = 120_000

type Open = () => Promise<RailTrial>

/** Runs the contract tests of `Collect` and `Webhook` on one rail over its simulator. */
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

/** Returns the attempt as payments stores it. `reference` comes from the outcome of `start`. */
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

  test('check, repeated checks and the webhook report the same receipt', async () => {
    await using trial = await open()
    const { request, ref, checked } = await payOnce(trial)
    const [receipt] = requireReceipts(checked)
    assert.deepEqual(receipt?.gross, request.amount)
    assert.equal(receipt?.final, true)
    const again = await requireCollect(trial.rail).check(ref)
    assert.equal(requireReceipts(again)[0]?.id, receipt?.id)
    const facts = factsOf(trial)
    assert.ok(facts.length > 0, 'the provider sent no event')
    for (const fact of facts) {
      if (fact.outcome.kind === 'received') assert.equal(requireReceipts(fact.outcome)[0]?.id, receipt?.id)
      else assert.ok(fact.needsCheck, `an event without the receipt must require a check: ${fact.outcome.kind}`)
    }
  })
}

function testDeclining(open: Open): void {
  test('a decline has a listed reason', async () => {
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
  test('a lost response is unknown, and the money is found by check or callback', async () => {
    await using trial = await open()
    const { rail, clock } = trial
    const request = trial.request('lost-answer')
    const createdAt = clock.now()
    const lossy = trial.lost === 'callback' ? rail : trial.troubled('cut-after')
    const started = await requireCollect(lossy).start(request)
    assert.equal(started.kind, 'unknown')
    assert.equal(referenceOf(started), undefined)
    const checked = await requireCollect(rail).check(refOf(request, createdAt, started))
    assert.equal(checked.kind, trial.lost === 'check' ? 'pending' : 'unknown')
    if (trial.lost === 'unpayable') {
      clock.advance(LOST_MS)
      const later = await requireCollect(rail).check(refOf(request, createdAt, started))
      assert.equal(later.kind === 'failed' && later.reason, 'provider-unavailable')
      return
    }
    await trial.act('lost-answer', request, checked)
    const withReference =
      trial.lost === 'check'
        ? checked
        : factsOf(trial)
            .map(({ outcome }) => outcome)
            .find(referenceOf)
    assert.ok(withReference, 'neither a check nor a callback reported the reference')
    const found = await requireCollect(rail).check(refOf(request, createdAt, withReference))
    assert.deepEqual(requireReceipts(found)[0]?.gross, request.amount)
  })
}

function testInbound(open: Open): void {
  test('a repeated event has the same id', async () => {
    await using trial = await open()
    await payOnce(trial)
    const [event] = trial.inbound()
    assert.ok(event)
    const keys = [event, event].map((each) => keyOf(requireWebhook(trial.rail), each))
    assert.equal(keys[0], keys[1])
  })

  test('forged and malformed requests are refused, or their parsing throws', async () => {
    await using trial = await open()
    await payOnce(trial)
    const webhook = requireWebhook(trial.rail)
    const [event] = trial.inbound()
    assert.ok(event)
    assert.equal(webhook.verify(event).ok, true)
    const foreign = trial.forged?.(event) ?? { ...event, headers: {}, tokenAttemptId: undefined }
    assert.equal(webhook.verify(foreign).ok, false, 'a request without signature and token is refused')
    for (const text of ['', 'not json', '[]', '"text"', 'null']) {
      assert.equal(webhook.verify({ ...event, rawBody: Buffer.from(text) }).ok, false, `body ${text}`)
    }
    for (const text of ['{}', '{"Body":{}}', '{"id":1}']) {
      const parse = (): unknown => webhook.parse({ ...event, rawBody: Buffer.from(text), receivedAt: event.now })
      assert.throws(parse, `an unknown format must throw: ${text}`)
    }
  })
}

function testTrouble(open: Open): void {
  test('a faulty provider never causes a false failure or an exception', async (t) => {
    await using trial = await open()
    const healthy = trial.request('pays')
    const createdAt = trial.clock.now()
    const started = await requireCollect(trial.rail).start(healthy)
    for (const [trouble, says] of Object.entries(TROUBLES) as [Trouble, (typeof TROUBLES)[Trouble]][]) {
      await t.test(trouble, async () => {
        const collect = requireCollect(trial.troubled(trouble))
        const checked = await collect.check(refOf(healthy, createdAt, started))
        assert.equal(checked.kind, 'unknown', 'a check without a usable response is unknown')
        assert.equal(referenceOf(checked), referenceOf(started), 'it keeps the reference')

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
  test('amounts outside the limits are refused without a request to the provider', async () => {
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

  test('check delays and lifetime are set', async () => {
    await using trial = await open()
    const { checkAfterMs, lifetimeMs } = requireCollect(trial.rail)
    assert.ok(checkAfterMs.every((waitMs) => waitMs >= 1000))
    assert.ok((checkAfterMs[0] ?? 0) <= 5000, 'the first check is early')
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

/** Returns the facts of all events so far. Each event must pass verification. */
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
