import { createHmac } from 'node:crypto'
import { assetOf, money } from '#money'
import type { CollectRequest, Rail } from '#rails/contract'
import { addMs } from '#platform/base/clock'
import { openFaulty, type Fault } from '../../../test/faulty.ts'
import { openRailBench } from '../../../test/rails.ts'
import { testRailContract, type Payer, type RailTrial } from '../suites/collect.ts'
import { toStatementTrial, testStatementContract } from '../suites/statement.ts'
import { createAirtelRail, airtelConfig } from './index.ts'

const PHONES: Record<Payer, string> = {
  pays: '254730000001',
  declines: '254730000002',
  'lost-answer': '254730000008',
}

const open = async (): Promise<RailTrial> => {
  const bench = await openRailBench()
  const { clock, ids, receiver, simulators } = bench
  const front = await openFaulty(simulators.url, (path) => !path.includes('/oauth2/'))
  const railAt = (baseUrl?: string, fetch = bench.fetch): Rail => {
    const config = bench.settings(airtelConfig, 'sandbox', baseUrl ? { AIRTEL_BASE_URL: baseUrl } : {})
    return createAirtelRail({ mode: 'sandbox', fetch, clock, config: () => config })
  }
  return {
    rail: railAt(),
    clock,
    decline: { kind: 'failed', reason: 'insufficient-funds' },
    lost: 'check',
    request: (payer): CollectRequest => {
      const attemptId = ids.next('att')
      return {
        attemptId,
        intentId: ids.next('pay'),
        amount: money(assetOf('KES'), 150_000n),
        payer: { phone: PHONES[payer] },
        merchantName: 'Mama Njeri’s Café & Duka',
        description: 'Order 42',
        callbackUrl: `${receiver.url}/api/webhook/airtel/${attemptId}.0123456789`,
        returnUrl: 'http://127.0.0.1/pay/x',
        expiresAt: addMs(clock.now(), 3_600_000),
      }
    },
    act: async () => {
      clock.advance(2000)
      await simulators.runDue()
    },
    inbound: () =>
      receiver.received
        .filter(({ path }) => path.endsWith('/airtel'))
        .map(({ headers, body }) => ({ headers, rawBody: body, tokenAttemptId: undefined, now: clock.now() })),
    forged: (event) => {
      const { transaction } = JSON.parse(event.rawBody.toString()) as { transaction: object }
      const hash = createHmac('sha256', 'a guess').update(JSON.stringify({ transaction })).digest('base64')
      return { ...event, rawBody: Buffer.from(JSON.stringify({ transaction, hash })) }
    },
    troubled: (trouble) => {
      if (trouble === 'unreachable') return railAt('http://127.0.0.1:9/sandbox/airtel')
      front.fault = trouble satisfies Fault
      return railAt(`${front.url}/sandbox/airtel`, trouble === 'silent' ? bench.shortTimeoutFetch : bench.fetch)
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await bench[Symbol.asyncDispose]()
    },
  }
}

testRailContract('airtel', open)
testStatementContract('airtel', () => toStatementTrial(open))
