import { assetOf, money } from '#money'
import type { CollectRequest, Rail } from '#rails/contract'
import { addMs } from '#platform/base/clock'
import { silentLog } from '#platform/observe/log'
import { openFaulty, type Fault } from '../../../test/faulty.ts'
import { openRailBench } from '../../../test/rails.ts'
import { testRailContract, type Payer, type RailTrial } from '../suites/collect.ts'
import { testRefundContract, type RefundTrial } from '../suites/refund.ts'
import { toStatementTrial, testStatementContract } from '../suites/statement.ts'
import { createMpesaRail, mpesaConfig } from './index.ts'

const PHONES: Record<Payer, string> = {
  pays: '254700000001',
  declines: '254700000002',
  'lost-answer': '254700000008',
}

const open = async (): Promise<RailTrial> => {
  const bench = await openRailBench()
  const { clock, ids, receiver, simulators } = bench
  const front = await openFaulty(simulators.url, (path) => !path.includes('/oauth/'))
  const railAt = (baseUrl?: string, fetch = bench.fetch): Rail => {
    const config = bench.settings(mpesaConfig, 'sandbox', baseUrl ? { MPESA_BASE_URL: baseUrl } : {})
    return createMpesaRail({ mode: 'sandbox', fetch, clock, log: silentLog, config: () => config })
  }
  return {
    rail: railAt(),
    clock,
    decline: { kind: 'failed', reason: 'insufficient-funds' },
    lost: 'callback',
    request: (payer): CollectRequest => {
      const attemptId = ids.next('att')
      return {
        attemptId,
        intentId: ids.next('pay'),
        amount: money(assetOf('KES'), 150_000n),
        payer: { phone: PHONES[payer] },
        merchantName: 'Mama Njeri’s Café & Duka',
        description: 'Order 42',
        callbackUrl: `${receiver.url}/api/webhook/stk/${attemptId}.0123456789`,
        returnUrl: 'http://127.0.0.1/pay/x',
        expiresAt: addMs(clock.now(), 3_600_000),
      }
    },
    act: async () => {
      clock.advance(2000)
      await simulators.runDue()
    },
    inbound: () =>
      receiver.received.map(({ path, headers, body }) => ({
        headers,
        rawBody: body,
        tokenAttemptId: /\/(att_\w+)\./.exec(path)?.[1],
        now: clock.now(),
      })),
    troubled: (trouble) => {
      if (trouble === 'unreachable') return railAt('http://127.0.0.1:9/sandbox/daraja')
      front.fault = trouble satisfies Fault
      return railAt(`${front.url}/sandbox/daraja`, trouble === 'silent' ? bench.shortTimeoutFetch : bench.fetch)
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await bench[Symbol.asyncDispose]()
    },
  }
}

testRailContract('mpesa', open)
testStatementContract('mpesa', () => toStatementTrial(open))

const TOKEN = /\/((re_\w{26})-\d+)-(result|timeout|status)\./

testRefundContract('mpesa', async (): Promise<RefundTrial> => {
  const bench = await openRailBench()
  const { clock, ids, receiver, simulators } = bench
  const front = await openFaulty(simulators.url, (path) => !path.includes('/oauth/'))
  const railAt = (baseUrl?: string, fetch = bench.fetch): Rail => {
    const config = bench.settings(mpesaConfig, 'sandbox', baseUrl ? { MPESA_BASE_URL: baseUrl } : {})
    return createMpesaRail({ mode: 'sandbox', fetch, clock, log: silentLog, config: () => config })
  }
  return {
    rail: railAt(),
    clock,
    request: async (how) => {
      const refundId = ids.next('re')
      return {
        refundId,
        sendingId: `${refundId}-1`,
        intentId: ids.next('pay'),
        amount: money(assetOf('KES'), 50_000n),
        receiptId: 'ws_CO_1',
        phone: how === 'arrives' ? '254700000001' : '254700000012',
        merchantName: 'Mama Njeri’s Café & Duka',
        callbackUrl: (purpose) => `${receiver.url}/api/webhook/stk/${refundId}-1-${purpose}.0123456789`,
      }
    },
    pass: async (ms) => {
      clock.advance(ms)
      await simulators.runDue()
    },
    inbound: () =>
      receiver.received.map(({ path, headers, body }) => {
        const [, sendingId = '', refundId = '', purpose = 'result'] = TOKEN.exec(path) ?? []
        const tokenRefund = { refundId, sendingId, purpose: purpose as 'result' | 'timeout' | 'status' }
        return { headers, rawBody: body, tokenAttemptId: undefined, tokenRefund, now: clock.now() }
      }),
    troubled: (trouble) => {
      if (trouble === 'unreachable') return railAt('http://127.0.0.1:9/sandbox/daraja')
      front.fault = trouble satisfies Fault
      return railAt(`${front.url}/sandbox/daraja`, trouble === 'silent' ? bench.shortTimeoutFetch : bench.fetch)
    },
    [Symbol.asyncDispose]: async () => {
      await front[Symbol.asyncDispose]()
      await bench[Symbol.asyncDispose]()
    },
  }
})
