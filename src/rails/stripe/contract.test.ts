import assert from 'node:assert/strict'
import { assetOf, money } from '#money'
import type { CollectRequest, Outcome, Rail } from '#rails/contract'
import { addMs } from '#platform/base/clock'
import { openFaulty, type Fault } from '../../../test/faulty.ts'
import { openRailBench } from '../../../test/rails.ts'
import { refOf, testRailContract, type Payer, type RailTrial } from '../suites/collect.ts'
import { testRefundContract, type RefundTrial } from '../suites/refund.ts'
import { toStatementTrial, testStatementContract } from '../suites/statement.ts'
import { createStripeRail, stripeConfig } from './index.ts'

const CARDS: Record<Payer, string> = {
  pays: '4242424242424242',
  declines: '4000000000009995',
  'lost-answer': '4242424242424242',
}

const open = async (): Promise<RailTrial> => {
  const bench = await openRailBench()
  const { clock, ids, receiver, simulators } = bench
  const front = await openFaulty(simulators.url, () => true)
  const railAt = (baseUrl?: string, fetch = bench.fetch): Rail => {
    const config = bench.settings(stripeConfig, 'sandbox', baseUrl ? { STRIPE_BASE_URL: baseUrl } : {})
    return createStripeRail({ mode: 'sandbox', fetch, clock, config: () => config })
  }
  return {
    rail: railAt(),
    clock,
    decline: { kind: 'pending', reason: 'insufficient-funds' },
    lost: 'check',
    request: (): CollectRequest => {
      const attemptId = ids.next('att')
      return {
        attemptId,
        intentId: ids.next('pay'),
        amount: money(assetOf('USD'), 1999n),
        payer: { email: 'payer@example.com' },
        merchantName: 'Mama Njeri',
        description: 'Order 42',
        callbackUrl: `${receiver.url}/api/webhook/stripe/${attemptId}.0123456789`,
        returnUrl: `${receiver.url}/pay/x`,
        expiresAt: addMs(clock.now(), 3_600_000),
      }
    },
    act: async (payer, _, started) => {
      const body = new URLSearchParams({ number: CARDS[payer], expiry: '12/34', cvc: '123' }).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      await bench.fetch({ method: 'POST', url: pageOf(started), headers, body, label: 'payer' })
      clock.advance(1000)
      await simulators.runDue()
    },
    inbound: () =>
      receiver.received.map(({ headers, body }) => ({
        headers,
        rawBody: body,
        tokenAttemptId: undefined,
        now: clock.now(),
      })),
    troubled: (trouble) => {
      if (trouble === 'unreachable') return railAt('http://127.0.0.1:9/sandbox/stripe')
      front.fault = trouble satisfies Fault
      return railAt(`${front.url}/sandbox/stripe`, trouble === 'silent' ? bench.shortTimeoutFetch : bench.fetch)
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await bench[Symbol.asyncDispose]()
    },
  }
}

testRailContract('stripe', open)
testStatementContract('stripe', () => toStatementTrial(open))

function pageOf(outcome: Outcome): string {
  assert.ok(outcome.kind === 'pending' && outcome.redirectUrl)
  return outcome.redirectUrl
}

testRefundContract('stripe', async (): Promise<RefundTrial> => {
  const bench = await openRailBench()
  const { clock, ids, receiver, simulators } = bench
  const front = await openFaulty(simulators.url, () => true)
  const railAt = (baseUrl?: string, fetch = bench.fetch): Rail => {
    const config = bench.settings(stripeConfig, 'sandbox', baseUrl ? { STRIPE_BASE_URL: baseUrl } : {})
    return createStripeRail({ mode: 'sandbox', fetch, clock, config: () => config })
  }
  const rail = railAt()
  return {
    rail,
    clock,
    request: async (how) => {
      const attempt: CollectRequest = {
        attemptId: ids.next('att'),
        intentId: ids.next('pay'),
        amount: money(assetOf('USD'), 1999n),
        payer: {},
        merchantName: 'Mama Njeri',
        description: 'Order 42',
        callbackUrl: `${receiver.url}/api/webhook/stripe/x`,
        returnUrl: `${receiver.url}/pay/x`,
        expiresAt: addMs(clock.now(), 3_600_000),
      }
      const started = await rail.collect?.start(attempt)
      assert.ok(started)
      const number = how === 'arrives' ? '4242424242424242' : '4000000000005126'
      const body = new URLSearchParams({ number, expiry: '12/34', cvc: '123' }).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      await bench.fetch({ method: 'POST', url: pageOf(started), headers, body, label: 'payer' })
      const paid = await rail.collect?.check(refOf(attempt, clock.now(), started))
      assert.ok(paid?.kind === 'received')
      const refundId = ids.next('re')
      const { intentId, amount, merchantName } = attempt
      const [receipt] = paid.receipts
      const receiptId = receipt?.id
      const callbackUrl = (): string => `${receiver.url}/unused`
      return {
        refundId,
        sendingId: `${refundId}-1`,
        intentId,
        amount,
        receiptId,
        phone: undefined,
        merchantName,
        callbackUrl,
      }
    },
    pass: async (ms) => {
      clock.advance(ms)
      await simulators.runDue()
    },
    inbound: () =>
      receiver.received.map(({ headers, body }) => ({
        headers,
        rawBody: body,
        tokenAttemptId: undefined,
        now: clock.now(),
      })),
    troubled: (trouble) => {
      if (trouble === 'unreachable') return railAt('http://127.0.0.1:9/sandbox/stripe')
      front.fault = trouble satisfies Fault
      return railAt(`${front.url}/sandbox/stripe`, trouble === 'silent' ? bench.shortTimeoutFetch : bench.fetch)
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await bench[Symbol.asyncDispose]()
    },
  }
})
