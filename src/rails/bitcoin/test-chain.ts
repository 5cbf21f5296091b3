import assert from 'node:assert/strict'
import { btcText } from '#clients/bitcoin'
import type { Rail } from '#rails/contract'
import type { SetClock } from '#platform/base/clock'
import type { ConfigSpec, Mode } from '#platform/environment/config'
import type { Fetch } from '#platform/web/fetch'
import { silentLog } from '#platform/observe/log'
import { bitcoinConfig, type BitcoinConfig } from './config.ts'
import { createBitcoinRail } from './rail.ts'
import { openDesk, type Desk } from './test-desk.ts'

/** The simulators and the dependencies of a rail, as test/rails.ts opens them. */
interface Bench extends AsyncDisposable {
  readonly clock: SetClock
  readonly fetch: Fetch
  readonly simulators: { readonly url: string }
  settings(spec: ConfigSpec<BitcoinConfig>, mode: Mode, changed?: Record<string, string | undefined>): BitcoinConfig
}

export interface TestChain extends AsyncDisposable {
  readonly rail: Rail
  readonly desk: Desk
  /** Runs a control of the simulated chain. Returns the id of the transaction it created, if any. */
  control(name: string, body?: object): Promise<string>
  /** Runs a control that is refused. Returns the response body. */
  refusal(name: string, body: object): Promise<string>
  /** Sends a payment. Returns its transaction id. */
  pay(address: string, sats: bigint, more?: object): Promise<string>
  /** Returns the same rail with other settings or another HTTP client. */
  railWith(changed: Record<string, string | undefined>, fetch?: Fetch): Rail
}

/** Opens the rail over the simulated chain. Default confirmations: `0.01:1,0.1:2,1:3,*:6`. */
export function openTestChain(bench: Bench, changed: Record<string, string> = {}): TestChain {
  const { clock, simulators } = bench
  const post = async (name: string, body: object): Promise<{ status: number; body: Record<string, unknown> }> => {
    const answer = await bench.fetch({
      method: 'POST',
      url: `${simulators.url}/sandbox/bitcoin/${name}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      label: 'test',
    })
    return { status: answer.status, body: answer.json() as Record<string, unknown> }
  }
  const control = async (name: string, body: object = {}): Promise<string> => {
    const answer = await post(name, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    return String(answer.body.txid)
  }
  const railWith: TestChain['railWith'] = (more, fetch = bench.fetch) => {
    const config = bench.settings(bitcoinConfig, 'sandbox', { ...changed, ...more })
    return createBitcoinRail({ mode: 'sandbox', fetch, clock, log: silentLog, config: () => config })
  }
  const rail = railWith({})
  return {
    rail,
    desk: openDesk(rail),
    control,
    refusal: async (name, body) => JSON.stringify((await post(name, body)).body),
    pay: (address, sats, more = {}) => control('pay', { address, amount: btcText(sats), ...more }),
    railWith,
    [Symbol.asyncDispose]: () => bench[Symbol.asyncDispose](),
  }
}
