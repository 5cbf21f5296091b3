import { z } from 'zod'
import { listCurrencies, assetOf } from '#money'
import type { Payments } from '#payments'
import { addMs, monotonicMs, startOfDay, waitMs, type Clock } from '#platform/base/clock'
import type { Mode } from '#platform/environment/config'
import type { Db } from '#platform/database/db'
import type { HttpServer } from '#platform/web/http'
import { firstIdAt } from '#platform/base/ids'
import { toAddressKey, type Limits } from '#platform/web/limits'
import type { Rates } from '#rates'
import { createResponseTimer } from './response-time.ts'
import { publicRefusals } from '../problems/problems.ts'

/** Routes that need no API key: figures without names or amounts, and information about the API. */

export interface UnauthenticatedDeps {
  readonly db: Db
  readonly payments: Payments
  readonly rates: Rates
  readonly limits: Limits
  readonly clock: Clock
  readonly publicUrl: () => string
  readonly about: { readonly version: string; readonly mode: Mode; readonly timeZone: string }
}

const CACHE_MS = 5_000
const PER_ADDRESS = { points: 120, windowMs: 60_000 }
const WARM_PER_ADDRESS = { points: 6, windowMs: 60_000 }
/** Maximum wait for price sources. */
const WARM_DEADLINE_MS = 5_000
const WARM_PAIRS = [
  ['BTC', 'KES'],
  ['BTC', 'USD'],
  ['USD', 'KES'],
] as const

const tags = ['Public']

export function unauthenticatedRoutes(app: HttpServer, deps: UnauthenticatedDeps): void {
  metricsRoute(app, deps)
  warmRoute(app, deps)
  infoRoute(app, deps)
  crossmintRoute(app, deps)
}

const metrics = z
  .object({
    daily_transactions: z
      .int()
      .meta({ description: 'Payments created since midnight in BUSINESS_TIME_ZONE, paid or not' }),
    total_transactions: z.int().meta({ description: 'All payments ever created, paid or not' }),
    success_rate: z
      .number()
      .nullable()
      .meta({
        description:
          'Percentage of attempts that succeeded, among those started in the last 24 hours that have ended (at most the newest 10,000). Null if none has ended.',
        examples: [97.4],
      }),
    avg_response_time: z
      .number()
      .nullable()
      .meta({
        description:
          'Mean response time of this process for /api/v1 in the last five minutes, in milliseconds. Null without requests.',
        examples: [4.2],
      }),
    at: z.string().meta({ format: 'date-time', description: 'Time of the count, at most a few seconds ago' }),
  })
  .meta({ id: 'Metrics', description: 'Key figures over all merchants' })
type Metrics = z.output<typeof metrics>

function metricsRoute(app: HttpServer, deps: UnauthenticatedDeps): void {
  const pace = createResponseTimer(app, '/api/v1')
  let last: { at: Date; made: Promise<Metrics> } | undefined
  const current = (): Promise<Metrics> => {
    const now = deps.clock.now()
    if (last && now < addMs(last.at, CACHE_MS) && now >= last.at) return last.made
    const made = measure(deps, pace(), now)
    last = { at: now, made }
    made.catch(() => (last = undefined))
    return made
  }
  app.route({
    method: 'GET',
    url: '/api/metrics',
    config: { refusals: publicRefusals() },
    schema: {
      operationId: 'getMetrics',
      tags,
      security: [],
      summary: 'Retrieve four key figures',
      description: 'For monitoring scripts; needs no API key. Prometheus scrapes /metrics instead.',
      response: { 200: metrics },
    },
    handler: async ({ ip }) => {
      await deps.limits.require('metrics', toAddressKey(ip), PER_ADDRESS)
      return current()
    },
  })
}

async function measure(
  { db, payments, about }: UnauthenticatedDeps,
  pace: number | undefined,
  now: Date,
): Promise<Metrics> {
  const { total, since, ended, succeeded } = await payments.figures(db, startOfDay(now, about.timeZone))
  return {
    daily_transactions: since,
    total_transactions: total,
    success_rate: ended === 0 ? null : Math.round((succeeded / ended) * 1000) / 10,
    avg_response_time: pace === undefined ? null : Math.round(pace * 10) / 10,
    at: now.toISOString(),
  }
}

const warmupResult = z
  .object({
    object: z.literal('warmup'),
    prices: z.int().meta({ description: 'Currency pairs with a current price' }),
    connections: z.int().meta({ description: 'Open database connections with prepared statements' }),
    took_ms: z.int(),
  })
  .meta({ id: 'Warmup' })

function warmRoute(app: HttpServer, deps: UnauthenticatedDeps): void {
  app.route({
    method: 'GET',
    url: '/api/warmup-cache',
    config: { refusals: publicRefusals() },
    schema: {
      operationId: 'warmUp',
      tags,
      security: [],
      summary: 'Warm up after a start',
      description:
        'Fetches the prices that are due, opens the database connections of this process and prepares their statements. Repeated calls are safe.',
      response: { 200: warmupResult },
    },
    handler: async ({ ip }) => {
      await deps.limits.require('warmup', toAddressKey(ip), WARM_PER_ADDRESS)
      const start = monotonicMs()
      const [prices, connections] = await Promise.all([warmPrices(deps), warmConnections(deps)])
      return { object: 'warmup' as const, prices, connections, took_ms: Math.round(monotonicMs() - start) }
    },
  })
}

async function warmPrices({ rates }: UnauthenticatedDeps): Promise<number> {
  let known = 0
  const ask = async (base: string, quote: string): Promise<void> => {
    // The rates module reports missing prices; skip them here.
    await rates.rate(base, quote).then(
      () => known++,
      () => undefined,
    )
  }
  const answered = new AbortController()
  const all = Promise.all(WARM_PAIRS.map(([base, quote]) => ask(base, quote))).finally(() => answered.abort())
  await Promise.race([all, waitMs(WARM_DEADLINE_MS, answered.signal)])
  return known
}

/** Runs one query per connection concurrently, so that each query opens its own connection. */
async function warmConnections({ db, payments, clock }: UnauthenticatedDeps): Promise<number> {
  const unknownId = firstIdAt('pay', clock.now())
  const count = db.pool.options.max
  await Promise.all(Array.from({ length: count }, () => payments.find(db, { id: unknownId })))
  return db.pool.totalCount
}

const info = z
  .object({
    object: z.literal('api'),
    name: z.literal('Purser'),
    version: z.string(),
    mode: z.enum(['sandbox', 'test', 'live']),
    livemode: z.boolean().meta({ description: 'Whether real money moves' }),
    methods: z.array(z.object({ method: z.string(), currencies: z.array(z.string()) })).meta({
      description: 'Payment methods that are available now',
    }),
    docs_url: z.string(),
    openapi_url: z.string(),
    checkout_url: z.string(),
  })
  .meta({ id: 'Api', description: 'Information about this API' })

function infoRoute(app: HttpServer, { payments, limits, publicUrl, about }: UnauthenticatedDeps): void {
  app.route({
    method: 'GET',
    url: '/api/v1',
    config: { refusals: publicRefusals() },
    schema: {
      operationId: 'getApi',
      tags,
      security: [],
      summary: 'Retrieve version, mode and payment methods',
      response: { 200: info },
    },
    handler: async ({ ip }) => {
      await limits.require('info', toAddressKey(ip), PER_ADDRESS)
      const url = publicUrl()
      return {
        object: 'api' as const,
        name: 'Purser' as const,
        version: about.version,
        mode: about.mode,
        livemode: about.mode === 'live',
        methods: methodsOf(payments),
        docs_url: `${url}/docs`,
        openapi_url: `${url}/openapi.json`,
        checkout_url: `${url}/checkout`,
      }
    },
  })
}

function methodsOf(payments: Payments): { method: string; currencies: string[] }[] {
  const found = new Map<string, string[]>()
  for (const currency of listCurrencies()) {
    for (const { method, unavailable } of payments.methods(assetOf(currency))) {
      if (unavailable === undefined) found.set(method, [...(found.get(method) ?? []), currency])
    }
  }
  return [...found].map(([method, currencies]) => ({ method, currencies }))
}

const crossmintConfig = z
  .object({ enabled: z.boolean(), environment: z.enum(['staging', 'production']).nullable() })
  .meta({ id: 'CrossmintConfig', description: 'Whether card payments through Crossmint are available' })

function crossmintRoute(app: HttpServer, { payments, about, limits }: UnauthenticatedDeps): void {
  app.route({
    method: 'GET',
    url: '/api/crossmint/config',
    config: { refusals: publicRefusals() },
    schema: {
      operationId: 'getCrossmintConfig',
      tags,
      security: [],
      summary: 'Retrieve the public configuration of Crossmint',
      description: 'Shows whether payments through Crossmint are set up. Keys and ids are never shown.',
      response: { 200: crossmintConfig },
    },
    handler: async ({ ip }) => {
      await limits.require('info', toAddressKey(ip), PER_ADDRESS)
      const enabled = payments
        .methods(assetOf('USD'))
        .some(({ method, unavailable }) => method === 'crossmint' && unavailable === undefined)
      const environment = about.mode === 'live' ? ('production' as const) : ('staging' as const)
      return { enabled, environment: enabled ? environment : null }
    },
  })
}
