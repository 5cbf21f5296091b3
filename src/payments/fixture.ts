import { type Cases, casesSchema, createCases } from '#cases'
import { createInbox, type Inbox, inboxSchema } from '#inbox'
import { createLedger, type Ledger, ledgerSchema } from '#ledger'
import { type Asset, assetOf, money, type Money } from '#money'
import { createSetClock, type SetClock } from '#platform/base/clock'
import type { Db } from '#platform/database/db'
import { AppError } from '#platform/base/errors'
import { createHttp, type HttpServer } from '#platform/web/http'
import { createIds, type Ids } from '#platform/base/ids'
import { createJobs, type DueQueue, type Job, type Jobs } from '#platform/runtime/jobs'
import { createMemoryLog, type MemoryLog } from '#platform/observe/log'
import { createMetrics, type Metrics } from '#platform/observe/metrics'
import type { Module } from '#platform/runtime/module'
import { platformSchema } from '#platform/database/schema'
import type { AttemptRef, CollectRequest, Fact, Outcome, Rail, RailReceipt, RefundFact } from '#rails/contract'
import type { AttemptLimits } from './attempts/types.ts'
import type { Intent, IntentChange, NewIntent } from './intents/types.ts'
import type { TransfersConfig } from './methods/config.ts'
import { createPayments, paymentsSchema } from './payments.ts'
import type { RefundsConfig } from './refunds/config.ts'
import { createScriptedRefunds, type ScriptedRefunds, scriptRefund } from './refunds/fixture.ts'
import type { SettlementTerms } from './settlements/types.ts'
import type { Payments } from './types.ts'
import assert from 'node:assert/strict'

/**
 * Test fixture: payments over a real database, ledger, jobs and web server, with scripted rails instead of providers.
 */

/** Schemas of payments and of the modules below it, in the order of migration. */
export const schemas = [platformSchema, ledgerSchema, inboxSchema, casesSchema, paymentsSchema]

export const KES: Asset = assetOf('KES')
export const kes = (amount: bigint): Money => money(KES, amount)

export interface Scripted {
  readonly refunds: ScriptedRefunds
  readonly rail: Rail
  readonly started: CollectRequest[]
  readonly checked: AttemptRef[]
  readonly closed: AttemptRef[]
  /** Answers of the provider. Tests replace them. */
  onStart: (request: CollectRequest) => Outcome | Promise<Outcome>
  onCheck: (attempt: AttemptRef) => Outcome | Promise<Outcome>
  off: string | undefined
  /** Returns a webhook body that the rail parses to these facts. */
  says(...facts: Fact[]): Buffer
}

function createScripted(name: string, kind: 'push' | 'page', lifetimeMs = 180_000): Scripted {
  const scriptedFacts: (readonly Fact[])[] = []
  const refunds = createScriptedRefunds()
  const scripted: Scripted = {
    refunds,
    started: [],
    checked: [],
    closed: [],
    onStart: ({ attemptId }) => ({
      kind: 'pending',
      reference: referenceOf(attemptId),
      ...(kind === 'page' && { redirectUrl: `https://provider.example/${attemptId}` }),
    }),
    onCheck: ({ reference }) =>
      reference === undefined ? { kind: 'unknown', why: 'nothing to ask by' } : { kind: 'pending', reference },
    off: undefined,
    says: (...facts) => Buffer.from(JSON.stringify({ fact: scriptedFacts.push(facts) - 1 })),
    rail: {
      name,
      method: kind === 'push' ? 'mpesa' : 'card',
      assets: [KES, assetOf('USD')],
      unavailable: () => scripted.off,
      limits: () => ({ min: 100n, max: 15_000_000n, step: kind === 'push' ? 100n : 1n }),
      collect: {
        kind,
        needs: kind === 'push' ? ['phone'] : [],
        checkAfterMs: [5000, 10_000, 30_000],
        lifetimeMs,
        start: async (request) => {
          scripted.started.push(request)
          return scripted.onStart(request)
        },
        check: async (attempt) => {
          scripted.checked.push(attempt)
          const isClosed = scripted.closed.some(({ attemptId }) => attemptId === attempt.attemptId)
          return isClosed ? { kind: 'failed', reason: 'expired' } : scripted.onCheck(attempt)
        },
        ...(kind === 'page' && {
          close: async (attempt: AttemptRef) => {
            scripted.closed.push(attempt)
          },
        }),
      },
      refund: scriptRefund(refunds, kind),
      webhook: {
        pathAlias: `${name}-alias`,
        accepted: { ResultCode: 0, ResultDesc: 'Accepted' },
        verify: ({ tokenAttemptId, tokenRefund, headers }) => {
          if (tokenAttemptId === undefined && tokenRefund === undefined && headers['x-signature'] !== 'good') {
            return { ok: false, status: 401, why: 'neither token nor signature' }
          }
          const eventId = headers['x-event']
          return typeof eventId === 'string' ? { ok: true, eventId } : { ok: true }
        },
        parse: ({ rawBody }) => {
          const { fact = -1, refund } = JSON.parse(rawBody.toString()) as { fact?: number; refund?: number }
          const facts = refund === undefined ? scriptedFacts[fact] : []
          if (!facts) throw new RangeError('a shape never seen')
          return facts
        },
      },
    },
  }
  return scripted
}

export const referenceOf = (attemptId: string): string => `ref_${attemptId.slice(4)}`

export const received = (
  receipt: Partial<RailReceipt> & Pick<RailReceipt, 'id' | 'gross'>,
  reference?: string,
): Extract<Outcome, { kind: 'received' }> => ({
  kind: 'received',
  ...(reference !== undefined && { reference }),
  receipts: [{ at: new Date('2026-01-15T09:01:00Z'), final: true, stated: true, ...receipt }],
})

export interface Trial extends AsyncDisposable {
  readonly db: Db
  readonly clock: SetClock
  readonly ids: Ids
  readonly ledger: Ledger
  readonly jobs: Jobs
  readonly payments: Payments
  readonly cases: Cases
  readonly inbox: Inbox
  readonly push: Scripted
  readonly page: Scripted
  readonly log: MemoryLog
  readonly metrics: Metrics
  readonly app: HttpServer
  readonly changes: IntentChange[]
  create(input?: Partial<NewIntent>): Promise<Intent>
  find(id: string): Promise<Intent>
  start(intentId: string, phone?: string): ReturnType<Payments['startAttempt']>
  /** Advances the clock and runs everything that is due. */
  pass(ms?: number): Promise<void>
  /** Claims all that is due in all queues and handles it at the same time, as several workers would. */
  rush(): Promise<void>
  /** Posts to the callback URL of the n-th started attempt. */
  callback(scripted: Scripted, body: Buffer, n?: number): Promise<number>
  /** Asserts that every invariant holds and that all balances add up to zero. */
  booksHold(): Promise<void>
  available(): Promise<bigint>
  debt(): Promise<bigint>
}

export const MERCHANT = 'mer_1'
const ASKED = { merchantId: MERCHANT, returnUrl: 'https://pay.example/x' }
const TRANSFERS: TransfersConfig = {
  instructions: 'Example Bank\\nAccount 1',
  currencies: ['KES'],
  days: 7,
  mpesaNumber: undefined,
  mpesaKind: 'paybill',
  mpesaAccount: undefined,
}

export interface TrialOptions {
  readonly db: Db
  readonly connection: Parameters<typeof createJobs>[0]['connection']
  readonly limits?: Partial<AttemptLimits>
  readonly subscriber?: Job<IntentChange>
  readonly refunds?: RefundsConfig
  readonly terms?: SettlementTerms
  readonly timeZone?: string
  /** Module under test that builds on payments. */
  readonly upperModule?: (trial: ModulesBelow) => Module
}

export type ModulesBelow = Pick<Trial, 'db' | 'clock' | 'ids' | 'log' | 'payments' | 'cases'> & {
  readonly rails: readonly Rail[]
}

const toDeps = ({
  limits,
  subscriber,
  refunds,
  terms,
  timeZone,
}: Omit<TrialOptions, 'db' | 'connection' | 'upperModule'>) => ({
  ...(subscriber && { subscribers: { gateway: subscriber } }),
  ...(limits && { limits }),
  ...(refunds && { refunds: () => refunds }),
  ...(timeZone && { timeZone }),
  settlementTerms: terms && (() => Promise.resolve(terms)),
})

export async function openTrial({ db, connection, upperModule, ...options }: TrialOptions): Promise<Trial> {
  const clock = createSetClock()
  const ids = createIds(clock)
  const log = createMemoryLog({ clock })
  const metrics = createMetrics({ defaults: false })
  const ledger = createLedger({ clock, log, sealKey: Buffer.alloc(32, 7) })
  const [push, page] = [createScripted('tap', 'push'), createScripted('cards', 'page', 3_600_000)]
  const rails = [push.rail, page.rail]
  const callbackKey = Buffer.alloc(32, 9)
  const cases = createCases({ clock, ids })
  const payments = createPayments({
    db,
    ledger,
    cases,
    jobs: () => jobs,
    rails,
    transfers: () => TRANSFERS,
    clock,
    ids,
    log,
    metrics,
    publicUrl: 'https://pay.example',
    callbackKey,
    ...toDeps(options),
  })
  const inbound = { db, rails, handlers: () => payments.inbound, jobs: () => jobs, clock, log, metrics, callbackKey }
  const inbox = createInbox(inbound)
  const top = upperModule?.({ db, clock, ids, log, payments, cases, rails })
  const modules: readonly Module[] = [inbox, payments, ...(top ? [top] : [])]
  const queues = modules.flatMap((module) => module.queues ?? [])
  const crons = modules.flatMap((module) => module.crons ?? [])
  const { invariants = [] } = payments
  const { subscriber } = options
  const own = { jobs: subscriber ? [subscriber] : [], queues, crons, instance: { version: '0.0.0' } }
  const jobs = createJobs({ db, connection, clock, ids, log, metrics, ...own })
  const app = await createHttp({ log, metrics, version: '0.0.0', publicUrl: 'https://pay.example', idleGraceMs: 0 })
  inbox.routes?.(app)
  const balance = async (name: string): Promise<bigint> =>
    (await ledger.balance(db, `merchant:${MERCHANT}:${name}`, KES)).posted

  return {
    ...{ db, clock, ids, ledger, jobs, payments, cases, inbox, push, page, log, metrics, app, changes: [] },
    create: async (input) => (await payments.create(db, newIntent(clock, input))).intent,
    find: async (id) => (await payments.find(db, { id })) ?? assert.fail(`no intent ${id}`),
    start: (intentId, phone = '254712345678') =>
      payments.startAttempt({ ...ASKED, intentId, method: 'mpesa', payer: { phone } }),
    pass: async (ms = 0) => {
      clock.advance(ms)
      await jobs.runDue()
    },
    rush: () => rush(queues, clock, jobs.instanceId),
    callback: async (scripted, body, n = -1) => {
      const { callbackUrl } = scripted.started.at(n) ?? assert.fail('nothing was started')
      const { statusCode } = await app.inject({ method: 'POST', url: new URL(callbackUrl).pathname, payload: body })
      return statusCode
    },
    booksHold: async () => {
      for (const { asset, total } of await ledger.trialBalance(db)) assert.equal(total, 0n, asset)
      for (const { name, check } of [...invariants, ...(ledger.invariants ?? [])])
        assert.deepEqual(await check(db), [], name)
    },
    available: () => balance('available'),
    debt: () => balance('debt'),
    [Symbol.asyncDispose]: async () => {
      await app.close()
      await jobs.drain(0)
    },
  }
}

/** Claims all that is due in all queues and handles it at the same time, as several workers would. */
async function rush(queues: readonly DueQueue[], clock: SetClock, holder: string): Promise<void> {
  const claimed = await Promise.all(
    queues.map(async (queue) => ({ queue, rows: await queue.claim(100, clock.now(), holder) })),
  )
  const { signal } = new AbortController()
  await Promise.all(claimed.flatMap(({ queue, rows }) => rows.map((row) => queue.handle(row, signal))))
}

export const newIntent = (clock: SetClock, input: Partial<NewIntent> = {}): NewIntent => ({
  merchantId: MERCHANT,
  owner: 'gateway',
  livemode: false,
  amount: kes(150_000n),
  methods: ['mpesa', 'card'],
  description: 'Two chairs',
  terms: { merchantName: 'Duka' },
  expiresAt: new Date(clock.now().getTime() + 3_600_000),
  ...input,
})

/** Delivers refund facts in a signed event of the card rail and handles it. */
export async function deliverRefundEvent(trial: Trial, ...facts: RefundFact[]): Promise<void> {
  const payload = trial.page.refunds.says(...facts)
  await trial.app.inject({ method: 'POST', url: '/api/webhook/cards', payload, headers: { 'x-signature': 'good' } })
  await trial.pass()
}

/** Delivers a fact in a signed event of the card rail and handles it. */
export async function deliverEvent(trial: Trial, about: Fact['about'], outcome: Outcome): Promise<void> {
  const payload = trial.page.says({ about, outcome, needsCheck: false })
  await trial.app.inject({ method: 'POST', url: '/api/webhook/cards', payload, headers: { 'x-signature': 'good' } })
  await trial.pass()
}

export async function cardAttempt(
  trial: Trial,
  input: Parameters<Trial['create']>[0] = {},
): Promise<{ intentId: string; id: string }> {
  const intent = await trial.create(input)
  return trial.payments.startAttempt({
    intentId: intent.id,
    merchantId: MERCHANT,
    method: 'card',
    payer: {},
    returnUrl: 'https://x.example',
  })
}

/** Returns the error code of a rejected promise; `no error` when it resolves. */
export const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  )

/** Pays out part of the merchant's available balance. */
export async function spend(trial: Trial, amount: bigint): Promise<void> {
  await trial.ledger.post(trial.db, [
    {
      id: trial.ids.uuid(),
      from: { code: `merchant:${MERCHANT}:available`, asset: KES, mayOverdraw: false },
      to: { code: 'world', asset: KES, mayOverdraw: true },
      amount,
      kind: 'test.payout',
      ref: 'x',
    },
  ])
}
