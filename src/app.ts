import { casesSchema, createCases } from '#cases'
import {
  createGateway,
  gatewayConfig,
  gatewaySchema,
  paymentChanged,
  refundChanged as refundChangedOf,
  settlementChanged as settlementChangedOf,
} from '#gateway'
import { createInbox, inboxSchema } from '#inbox'
import { createIdentity, identitySchema, sandboxKey, type Identity, type Merchant } from '#identity'
import { createLedger, ledgerSchema, type Ledger } from '#ledger'
import {
  createPayments,
  paymentsSchema,
  refundsConfig,
  transfersConfig,
  type Payments,
  type SettlementTerms,
} from '#payments'
import { systemClock, type Clock } from '#platform/clock'
import { loadConfig, platformConfig, processSources, type Loaded, type Sources } from '#platform/config'
import type { Database } from '#platform/database'
import { openDb, type Db } from '#platform/db'
import { createFetch } from '#platform/fetch'
import { createHealth, databaseCheck, healthRoutes } from '#platform/health'
import { createHttp, listen, ownUrl as ownUrlOf, type HttpServer } from '#platform/http'
import { createIdempotency } from '#platform/idempotency'
import { createIds, type Ids } from '#platform/ids'
import { watchInvariants } from '#platform/invariants'
import { createJobs, type Jobs } from '#platform/jobs'
import { createLimits } from '#platform/limits'
import type { Log } from '#platform/log'
import { isLoopback } from '#platform/loopback'
import type { MasterKey } from '#platform/masterkey'
import { createMetrics, type Metrics } from '#platform/metrics'
import type { Schema } from '#platform/migrate'
import type { Module } from '#platform/module'
import { applicationName } from '#platform/postgres'
import { Secret } from '#platform/secrets'
import { platformSchema } from '#platform/schema'
import { openSettings, type Settings } from '#platform/settings'
import { createWebhooks, webhooksSchema, type Webhooks } from '#webhooks'
import { createRates, priceSourcesConfig, ratesConfig, ratesSchema, type Rates } from '#rates'
import { createRails, railConfigs } from '#rails'
import { createReconciliation, reconciliationSchema, type Reconciliation } from '#reconciliation'
import { sandboxSettings } from './simulated.ts'

export const configSpecs = [
  platformConfig,
  gatewayConfig,
  refundsConfig,
  transfersConfig,
  ratesConfig,
  priceSourcesConfig,
  ...railConfigs,
] as const
export type AppConfig = Loaded<typeof configSpecs>

/** All settings of the environment and `.env`, checked. Throws `platform.bad-config` with one line per problem. */
export const loadAppConfig = (sources: Sources = processSources()): AppConfig => loadConfig(configSpecs, sources)

/** The schemas of all modules in the order they are migrated. The sandbox has one too, in its own mode only. */
export async function schemasOf(mode: string): Promise<readonly Schema[]> {
  const schemas = [
    platformSchema,
    identitySchema,
    ledgerSchema,
    ratesSchema,
    inboxSchema,
    casesSchema,
    paymentsSchema,
    reconciliationSchema,
    webhooksSchema,
    gatewaySchema,
  ]
  return mode === 'sandbox' ? [...schemas, (await import('#sandbox')).sandboxSchema] : schemas
}

/** Of the chain that seals the ledger. */
export const sealKeyOf = ({ masterKey }: { masterKey: MasterKey }): Buffer => masterKey.deriveKey('ledger-seal')

export interface AppDeps {
  readonly loaded: AppConfig
  readonly database: Pick<Database, 'app' | 'sole'>
  readonly masterKey: MasterKey
  readonly log: Log
  readonly version: string
  readonly clock?: Clock
  readonly ids?: Ids
  /** Checks every answer against its schema. For tests. */
  readonly checkResponses?: boolean
  /** How long a stop listens for requests that were on their way. Tests need not. */
  readonly quietMs?: number
}

export interface App {
  readonly http: HttpServer
  readonly db: Db
  readonly jobs: Jobs
  readonly ledger: Ledger
  readonly identity: Identity
  readonly payments: Payments
  readonly reconciliation: Reconciliation
  readonly webhooks: Webhooks
  readonly rates: Rates
  readonly metrics: Metrics
  readonly modules: readonly Module[]
  /** The key of the sandbox's own merchant. */
  readonly sandboxKey: string | undefined
  /** Asked for by the sandbox's pages where others than this machine can reach them. */
  readonly sandboxPassword: Secret | undefined
  /** What links start with; the listening address unless PUBLIC_URL is set. */
  url(): string
  /** Listens and begins to work. `work: false` leaves jobs and queues to `jobs.runDue()`: for tests with a set clock. */
  start(options?: { work?: boolean }): Promise<void>
  /** Answers what is under way, finishes what runs, closes everything but the database's server. */
  stop(): Promise<void>
}

const DRAIN_MS = 10_000

/** Wires the whole system over a prepared database. Nothing listens or runs before `start`. */
export async function createApp(deps: AppDeps): Promise<App> {
  const core = await openCore(deps)
  const { config, db, fetch, http, log, metrics, url } = core
  const { modules, jobs, watch, limits, idempotency, sandbox, ...wired } = await wireModules(core)
  const health = createHealth({
    checks: [databaseCheck(db), jobs.health, watch.health, ...modules.flatMap((module) => module.health ?? [])],
    clock: core.clock,
    log,
    version: deps.version,
    environment: config.mode,
    dataDir: config.dataDir,
  })
  healthRoutes(http, health, metrics)
  if (config.instanceType !== 'worker') for (const module of modules) module.routes?.(http)

  const following = new AbortController()
  return {
    ...wired,
    sandboxKey: sandbox?.key,
    sandboxPassword: sandbox?.password,
    http,
    db,
    jobs,
    metrics,
    modules,
    url,
    start: async ({ work = true } = {}) => {
      // Before the first request: its own claims must not be taken for those of the dead.
      if (deps.database.sole) {
        await idempotency.adopt(db)
        await jobs.adopt()
      }
      await listen(http, config)
      await sandbox?.merchant()
      if (work) await jobs.start({ web: config.instanceType !== 'worker', worker: config.instanceType !== 'web' })
      void core.settings.follow(following.signal)
      health.setPhase('ready')
    },
    stop: async () => {
      health.setPhase('draining')
      following.abort()
      // From the last to the first; one that fails, as without a database, keeps none of the others open.
      await using closing = new AsyncDisposableStack()
      closing.defer(() => db.close())
      closing.defer(() => fetch.close())
      closing.defer(() => limits.close())
      closing.defer(() => wired.rates.close())
      closing.defer(() => wired.payments.close())
      closing.defer(() => wired.identity.close())
      closing.defer(() => jobs.drain(DRAIN_MS))
      closing.defer(() => http.close())
    },
  }
}

type Core = Awaited<ReturnType<typeof openCore>>

/** What every module stands on. */
async function openCore(deps: AppDeps) {
  const { loaded, database, masterKey, log, version, clock = systemClock } = deps
  const { platform: config } = loaded.config
  const { mode } = config
  const metrics = createMetrics()
  const db = openDb({
    connection: database.app,
    max: config.databasePoolMax,
    min: config.databasePoolMin,
    idleMs: config.databasePoolIdleMs,
    applicationName: applicationName(config.instanceType),
    onError: (error) => log.warn({ error: error.message }, 'a database connection broke'),
  })
  const settings = await openSettings({ db, specs: configSpecs, given: loaded.given, mode, masterKey, clock, log })
  const url = (): string => config.publicUrl ?? ownUrl()
  const http: HttpServer = await createHttp({
    log,
    metrics,
    version,
    publicUrl: config.publicUrl ?? url,
    trustProxy: config.trustProxy,
    checkResponses: deps.checkResponses ?? false,
    drainMs: DRAIN_MS,
    ...(deps.quietMs !== undefined && { quietMs: deps.quietMs }),
  })
  const ownUrl = ownUrlOf(http, config)
  return {
    config,
    database,
    masterKey,
    log,
    version,
    clock,
    ids: deps.ids ?? createIds(clock),
    metrics,
    db,
    settings,
    fetch: createFetch({ log, metrics, mode, allowLoopback: mode === 'sandbox' }),
    http,
    url,
    ownUrl,
  }
}

/** What identity keeps of a merchant's terms, as payments takes it. */
const termsOf = ({ settlement: { feeFixed, ...terms } }: Merchant): SettlementTerms => ({
  ...terms,
  feeFixed: Object.fromEntries(Object.entries(feeFixed).map(([currency, minor]) => [currency, BigInt(minor)])),
})

async function wireModules(core: Core) {
  const { config, db, clock, ids, log, metrics, masterKey, settings, fetch, url } = core
  const { mode } = config
  const limits = createLimits({ redisUrl: config.redisUrl, log })
  const idempotency = createIdempotency({ clock })
  const identity = createIdentity({ db, mode, masterKey, clock, ids, log })
  const sandbox = mode === 'sandbox' ? await wireSandbox(core, identity) : undefined
  // In the sandbox rails and price sources always talk to the simulators.
  const providers: Pick<Settings, 'view'> = sandbox?.settings ?? settings
  const ledger = createLedger({ db, clock, log, sealKey: sealKeyOf(core) })
  const rates = createRates({
    db,
    fetch,
    clock,
    ids,
    log,
    metrics,
    config: settings.view(ratesConfig),
    sources: providers.view(priceSourcesConfig),
  })
  const webhooks = createWebhooks({ db, identity, jobs: () => jobs, fetch, masterKey, clock, ids, log, metrics })
  const changed = paymentChanged({ db, payments: () => payments, webhooks, publicUrl: url })
  const settlementChanged = settlementChangedOf({ db, payments: () => payments, webhooks })
  const refundChanged = refundChangedOf({ db, payments: () => payments, webhooks, publicUrl: url })
  const rails = createRails({ mode, fetch, clock, log, settings: (spec) => providers.view(spec) })
  const callbackKey = masterKey.deriveKey('callback-token')
  const cases = createCases({ clock, ids })
  const inbound = { db, rails, handlers: () => payments.inbound, jobs: () => jobs, clock, log, metrics, callbackKey }
  const inbox = createInbox(inbound)
  const payments: Payments = createPayments({
    db,
    ledger,
    cases,
    jobs: () => jobs,
    rails,
    rates,
    clock,
    ids,
    log,
    metrics,
    publicUrl: url,
    callbackKey,
    subscribers: { gateway: changed },
    settlementTerms: async (q, merchantId) => termsOf(await identity.requireMerchant(q, merchantId)),
    settlementChanged,
    refunds: settings.view(refundsConfig),
    transfers: providers.view(transfersConfig),
    timeZone: config.businessTimeZone,
    refundSubscribers: { gateway: refundChanged },
    // The phones that act by themselves are prompted again and again by whoever tries things out.
    limits: sandbox ? { exemptPhone: sandbox.actsByItself } : {},
  })
  const reconciliation = createReconciliation({
    db,
    rails,
    bookkeeping: payments.bookkeeping,
    cases,
    clock,
    log,
    timeZone: config.businessTimeZone,
  })
  const gateway = createGateway({
    db,
    identity,
    ledger,
    payments,
    reconciliation,
    webhooks,
    changed,
    settlementChanged,
    refundChanged,
    rates,
    limits,
    idempotency,
    clock,
    ids,
    log: log.child({ module: 'gateway' }),
    config: settings.view(gatewayConfig),
    publicUrl: url,
    about: { version: core.version, mode, timeZone: config.businessTimeZone },
    practice: sandbox && { url: '/sandbox', merchant: sandbox.merchant },
  })
  const simulated = sandbox ? [sandbox.module] : []
  const modules: readonly Module[] = [
    ...[identity, ledger, rates, inbox, cases, payments, reconciliation],
    ...[webhooks, gateway, ...simulated],
  ]
  const { jobs, watch } = wireJobs(core, modules)
  return {
    identity,
    ledger,
    rates,
    payments,
    reconciliation,
    webhooks,
    limits,
    idempotency,
    modules,
    jobs,
    watch,
    sandbox,
  }
}

/** Everything that modules do by themselves, and the watch over their books. */
function wireJobs(core: Core, modules: readonly Module[]) {
  const { db, clock, ids, log, metrics } = core
  const invariants = modules.flatMap((module) => module.invariants ?? [])
  const watch = watchInvariants({ db, clock, metrics, invariants })
  const jobs: Jobs = createJobs({
    db,
    connection: core.database.app,
    clock,
    ids,
    log,
    metrics,
    jobs: modules.flatMap((module) => module.jobs ?? []),
    queues: modules.flatMap((module) => module.queues ?? []),
    crons: [watch.cron, ...modules.flatMap((module) => module.crons ?? [])],
    instance: { version: core.version },
  })
  return { jobs, watch }
}

const PASSWORD_LENGTH = 16

/** The simulators, the merchant that may use them, and the settings by which rails and price sources find them. */
async function wireSandbox(core: Core, identity: Identity) {
  const { actsByItself, createSandbox, sandboxCredentials } = await import('#sandbox')
  const { config, db, clock, ids, log, fetch, url, ownUrl, masterKey } = core
  const key = sandboxKey(config, ids)
  // Whoever reaches the sandbox can "pay". The password is the same at each start, and kept nowhere.
  const isOurs = isLoopback(config.host) && (!config.publicUrl || isLoopback(new URL(config.publicUrl).hostname))
  const password = isOurs
    ? undefined
    : new Secret(masterKey.deriveKey('sandbox-password').toString('base64url').slice(0, PASSWORD_LENGTH))
  const module: Module = createSandbox({
    db,
    clock,
    ids,
    log,
    fetch,
    baseUrl: url,
    webhookUrl: (rail) => `${ownUrl()}/api/webhook/${rail}`,
    mayDeliver: ({ origin }) => [url(), ownUrl()].some((own) => new URL(own).origin === origin),
    demoUrl: () => '/demo',
    password,
  })
  let made: Promise<Merchant> | undefined
  // Once in each process: where several share a database, a second time would take another's key out of force.
  const merchant = (): Promise<Merchant> =>
    (made ??= db
      .transaction((tx) => identity.ensureSandboxMerchant(tx, { secret: key }))
      .catch((error: unknown) => {
        made = undefined
        throw error
      }))
  return { module, key, password, merchant, actsByItself, settings: sandboxSettings(ownUrl, sandboxCredentials) }
}
