import assert from 'node:assert/strict'
import { assetOf, formatAmount, money } from '#money'
import type { SetClock } from '#platform/base/clock'
import { sql } from '#platform/database/db'
import type { Answer, World } from '../world.ts'

/** A merchant's API calls, for the API tests. Responses that break the documented contract fail here. */

export const PAYMENTS = '/api/v1/payments'

export const ask = (world: World, body: object = {}, headers?: Record<string, string>): Promise<Answer> =>
  world.api('POST', PAYMENTS, { amount: '1500.00', currency: 'KES', ...body }, headers)

/** Creates a payment, of KES 1,500 by default. */
export async function create(world: World, body: object = {}, headers?: Record<string, string>): Promise<any> {
  const answer = await ask(world, body, headers)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}

export const prompt = (world: World, id: string, phone: string, headers?: Record<string, string>): Promise<Answer> =>
  world.api('POST', `${PAYMENTS}/${id}/attempts`, { method: 'mpesa', phone }, headers)

/** Starts an attempt that prompts the phone. */
export async function start(world: World, id: string, phone: string): Promise<any> {
  const answer = await prompt(world, id, phone)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body
}

export async function find(world: World, id: string): Promise<any> {
  const answer = await world.api('GET', `${PAYMENTS}/${id}`)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

/** Creates a payment and lets the phone pay it. */
export async function paid(world: World, body: object = {}): Promise<any> {
  const { id } = await create(world, body)
  await start(world, id, '254700000001')
  await world.advance(3000)
  const payment = await find(world, id)
  assert.equal(payment.status, 'paid', JSON.stringify(payment))
  return payment
}

interface Expected {
  readonly status: number
  readonly code: string
  readonly param?: string
  readonly says?: RegExp
}

/** Checks that the response is an error in the documented form with this code. */
export function assertRefused(answer: Answer, { status, code, param, says }: Expected, what = ''): void {
  const { error } = answer.body as { error?: Record<string, string> }
  const seen = `${what} ${answer.status} ${JSON.stringify(answer.body)}`
  assert.ok(error, seen)
  assert.deepEqual([answer.status, error['code'], error['param']], [status, code, param], seen)
  assert.match(error['message'] ?? '', says ?? /\w/, seen)
  assert.equal(error['request_id'], answer.headers.get('x-request-id'), seen)
  assert.match(error['doc_url'] ?? '', new RegExp(`/docs/errors#${code.replaceAll('.', '\\.')}$`), seen)
  if (status === 429 || status === 503) assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/, seen)
}

/** Returns the names of the security events so far. */
export const securityEvents = (world: World): string[] =>
  world.log.entries.flatMap(({ securityEvent }) => (typeof securityEvent === 'string' ? [securityEvent] : []))

/** Returns the available balance that the API reports. */
export async function available(world: World, currency = 'KES'): Promise<string> {
  const { body } = await world.api('GET', `/api/v1/balance?currency=${currency}`)
  return body.balances[0].available
}

/** Checks that every invariant holds and that the balances of each asset add up to zero. */
export async function assertBooksHold(world: World): Promise<void> {
  assert.deepEqual(await world.broken(), [])
  const totals = await world.app.ledger.trialBalance(world.app.db)
  assert.deepEqual(
    totals.filter(({ total }) => total !== 0n),
    [],
  )
}

/** Returns the merchant's available balance from the ledger itself. */
export async function ledgerBalance(world: World, currency = 'KES'): Promise<string> {
  const asset = assetOf(currency)
  const { posted } = await world.app.ledger.balance(world.app.db, `merchant:${world.merchantId}:available`, asset)
  return formatAmount(money(asset, posted))
}

/** Counts the rows that represent money, so that a test can assert that none were added. */
export const countMoneyRows = (world: World): Promise<{ receipts: number; entries: number; transfers: number }> =>
  world.app.db.one(sql`select (select count(*)::int from payments.receipts) as receipts,
    (select count(*)::int from payments.receipt_entries) as entries, (select count(*)::int from ledger.transfers) as transfers`)

/** Advances the set clock in one step and runs what is due. */
export async function leap(world: World, ms: number): Promise<void> {
  ;(world.clock as SetClock).advance(ms)
  await world.advance(0)
}

/** Creates a key with the operator's scopes. */
export async function operatorKey({ app, merchantId }: Pick<World, 'app' | 'merchantId'>): Promise<string> {
  const made = await app.db.transaction((tx) =>
    app.identity.createKey(
      tx,
      { merchantId, name: 'operations', scopes: ['operations:read', 'operations:write'] },
      { type: 'operator', id: 'opr_test' },
    ),
  )
  return `Bearer ${made.secret}`
}
