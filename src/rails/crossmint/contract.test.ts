import assert from 'node:assert/strict'
import { assetOf, money } from '#money'
import type { CollectRequest, Outcome, Rail } from '#rails/contract'
import { addMs } from '#platform/base/clock'
import { silentLog } from '#platform/observe/log'
import { openFaulty, type Fault } from '../../../test/faulty.ts'
import { openRailBench } from '../../../test/rails.ts'
import { testRailContract, type Payer, type RailTrial } from '../suites/collect.ts'
import { toStatementTrial, testStatementContract } from '../suites/statement.ts'
import { createCrossmintRail, crossmintConfig } from './index.ts'

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
    const config = bench.settings(crossmintConfig, 'sandbox', baseUrl ? { CROSSMINT_BASE_URL: baseUrl } : {})
    return createCrossmintRail({ mode: 'sandbox', fetch, clock, log: silentLog, config: () => config })
  }
  return {
    rail: railAt(),
    clock,
    decline: { kind: 'pending', reason: 'insufficient-funds' },
    lost: 'unpayable',
    request: (): CollectRequest => {
      const attemptId = ids.next('att')
      return {
        attemptId,
        intentId: ids.next('pay'),
        amount: money(assetOf('USD'), 1999n),
        payer: { email: 'payer@example.com' },
        merchantName: 'Mama Njeri',
        description: 'Order 42',
        callbackUrl: `${receiver.url}/api/webhook/crossmint/${attemptId}.0123456789`,
        returnUrl: `${receiver.url}/pay/x`,
        expiresAt: addMs(clock.now(), 3_600_000),
      }
    },
    act: async (payer, _, started) => {
      const body = new URLSearchParams({ number: CARDS[payer] }).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      await bench.fetch({ method: 'POST', url: pageOf(started), headers, body, label: 'payer' })
      await simulators.runDue()
      clock.advance(3000)
      await simulators.runDue()
    },
    inbound: () =>
      receiver.received
        .filter(({ path }) => path.endsWith('/crossmint'))
        .map(({ headers, body }) => ({
          headers,
          rawBody: body,
          tokenAttemptId: undefined,
          now: clock.now(),
        })),
    troubled: (trouble) => {
      if (trouble === 'unreachable') return railAt('http://127.0.0.1:9/sandbox/crossmint/api')
      front.fault = trouble satisfies Fault
      return railAt(`${front.url}/sandbox/crossmint/api`, trouble === 'silent' ? bench.shortTimeoutFetch : bench.fetch)
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await bench[Symbol.asyncDispose]()
    },
  }
}

testRailContract('crossmint', open)
testStatementContract('crossmint', () => toStatementTrial(open))

function pageOf(outcome: Outcome): string {
  assert.ok(outcome.kind === 'pending' && outcome.redirectUrl)
  return outcome.redirectUrl
}
