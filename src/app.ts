import { join } from 'node:path'
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
  type IntentChange,
  type Payments,
  type RefundChange,
  type SettlementChange,
  type SettlementTerms,
} from '#payments'
import type { Clock } from '#platform/base/clock'
import { type Db } from '#platform/database/db'
import {
  createHealth,
  databaseCheck,
  databaseRoleCheck,
  descriptorsCheck,
  diskCheck,
  embeddedCheck,
  healthRoutes,
  redisCheck,
  type HealthCheck,
} from '#platform/runtime/health'
import { listen, type HttpServer } from '#platform/web/http'
import { createIdempotency, type Idempotency } from '#platform/web/idempotency'
import { createBackgroundMigrations } from '#platform/runtime/background-migrations'
import { watchInvariants } from '#platform/runtime/invariants'
import { IDEMPOTENCY_KEYS, createJobs, listSilentLoops, type Job, type Jobs } from '#platform/runtime/jobs'
import { createLimits, type Limits } from '#platform/web/limits'
import { isLoopback } from '#platform/base/loopback'
import type { MasterKey } from '#platform/environment/masterkey'
import { type Metrics } from '#platform/observe/metrics'
import { listKnown, requireCode, type Schema } from '#platform/database/migrate'
import type { Module } from '#platform/runtime/module'
import { Secret } from '#platform/base/secrets'
import { platformSchema } from '#platform/database/schema'
import { type Settings } from '#platform/runtime/settings'
import { createWebhooks, webhooksSchema, type Webhooks } from '#webhooks'
import { createRates, priceSourcesConfig, ratesConfig, ratesSchema, type Rates } from '#rates'
import { createRails } from '#rails'
import { createReconciliation, reconciliationSchema, type Reconciliation } from '#reconciliation'
import { DRAIN_MS, openFoundation, type AppDeps, type Foundation } from './foundation.ts'
import { sandboxSettings } from './simulated.ts'

/** Returns the schemas of all modules in migration order. Includes the sandbox schema in sandbox mode only. */
export async function loadSchemas(mode: string): Promise<readonly Schema[]> {
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

/** Derives the key of the hash chain that seals the ledger. */
export const deriveSealKey = ({ masterKey }: { masterKey: MasterKey }): Buffer => masterKey.deriveKey('ledger-seal')

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
  /** API key of the sandbox merchant. Undefined outside the sandbox. */
  readonly sandboxKey: string | undefined
  /** Password of the sandbox pages. Undefined when only this machine can reach them. */
  readonly sandboxPassword: Secret | undefined
  /** Returns the base URL of links: PUBLIC_URL, or the listening address. */
  url(): string
  /** Listens and starts the background work. With `work: false`, jobs and queues run only in `jobs.runDue()`, for tests with a set clock. */
  start(options?: { work?: boolean }): Promise<void>
  /** Drains requests and jobs, then closes everything except the database server. */
  stop(): Promise<void>
}

/** Wires all modules over a prepared database. Nothing listens or runs before `start`. */
export async function createApp(deps: AppDeps): Promise<App> {
  const foundation = await openFoundation(deps)
  const { config, db, fetch, http, log, metrics, url } = foundation
  const { modules, simulation, jobs, watch, limits, sandbox, ...wired } = await wireModules(foundation)
  const health = createHealth({
    checks: [
      databaseCheck(db),
      databaseRoleCheck(deps.database, db),
      ...machineChecks(foundation, limits),
      jobs.health,
      watch.health,
      ...modules.flatMap((module) => module.health ?? []),
    ],
    clock: foundation.clock,
    log,
    version: deps.version,
    environment: config.mode,
    dataDir: config.dataDir,
    silentLoops: listSilentLoops,
  })
  healthRoutes(http, health, metrics)
  for (const module of config.instanceType === 'worker' ? simulation : modules) module.routes?.(http)

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
      const roles = { web: config.instanceType !== 'worker', worker: config.instanceType !== 'web' }
      // Before the first request, which makes claims.
      if (deps.database.exclusive) await jobs.releaseStale()
      if (work) await jobs.register(roles)
      await listen(http, config)
      await sandbox?.merchant()
      if (work) await jobs.start(roles)
      void foundation.settings.follow(following.signal)
      health.setPhase('ready')
    },
    stop: async () => {
      health.setPhase('draining')
      // The stack closes in reverse order. A failing step (for example without a database) does not skip the others.
      await using closing = new AsyncDisposableStack()
      closing.defer(async () => void (await Promise.all([db.close(), foundation.heartbeats.close()])))
      closing.defer(() => fetch.close())
      closing.defer(() => limits.close())
      closing.defer(() => wired.rates.close())
      closing.defer(() => wired.payments.close())
      closing.defer(() => wired.identity.close())
      closing.defer(() => jobs.drain(DRAIN_MS))
      closing.defer(() => following.abort())
      closing.defer(() => http.close())
    },
  }
}

/** Creates the checks of what this process depends on beside the database's contents. */
function machineChecks({ config, database, db, clock }: Foundation, limits: Limits): readonly HealthCheck[] {
  const { dataDir, redisUrl } = config
  const { embedded = false, serverState } = database
  return [
    diskCheck({ db, clock, dataDir, embedded }),
    descriptorsCheck,
    ...(serverState ? [embeddedCheck(serverState)] : []),
    ...(redisUrl ? [redisCheck({ limits, clock })] : []),
  ]
}

/** Converts the settlement terms of a merchant to the type of payments. */
const toSettlementTerms = ({ settlement: { feeFixed, ...terms } }: Merchant): SettlementTerms => ({
  ...terms,
  feeFixed: Object.fromEntries(Object.entries(feeFixed).map(([currency, minor]) => [currency, BigInt(minor)])),
})

/** Wires the keys of requests. Jobs are wired later, because the modules need the keys. */
const wireIdempotency = (clock: Clock, instanceId: string, jobs: () => Jobs): Idempotency =>
  createIdempotency({
    clock,
    instanceId,
    giveBack: (run) => jobs().giveBack(IDEMPOTENCY_KEYS, run),
    requireHeartbeat: () => jobs().requireHeartbeat(),
  })

async function wireModules(foundation: Foundation) {
  const { config, db, clock, ids, log, metrics, masterKey, settings, fetch, url } = foundation
  const { mode } = config
  const limits = createLimits({ redisUrl: config.redisUrl, log })
  const instanceId = ids.uuid()
  const idempotency = wireIdempotency(clock, instanceId, () => jobs)
  const identity = createIdentity({ db, mode, masterKey, clock, ids, log })
  const sandbox = mode === 'sandbox' ? await wireSandbox(foundation, identity) : undefined
  // In the sandbox, rails and price sources always use the simulators.
  const providers: Pick<Settings, 'view'> = sandbox?.settings ?? settings
  const ledger = createLedger({ db, clock, log, sealKey: deriveSealKey(foundation) })
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
  const { cases, inbox, payments, reconciliation } = wirePayments(foundation, {
    ledger,
    rates,
    identity,
    providers,
    sandbox,
    jobs: () => jobs,
    changed,
    settlementChanged,
    refundChanged,
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
    about: { version: foundation.version, mode, timeZone: config.businessTimeZone },
    practice: sandbox && { url: '/sandbox', merchant: sandbox.merchant },
  })
  const simulated = sandbox ? [sandbox.module] : []
  const modules: readonly Module[] = [
    ...[identity, ledger, rates, inbox, cases, payments, reconciliation],
    ...[webhooks, gateway, ...simulated],
  ]
  // The rails and simulators of a sandbox worker call its own listener. Other workers serve health only.
  const simulation = sandbox ? [inbox, sandbox.module] : []
  const { jobs, watch } = wireJobs(foundation, modules, { instanceId, schemas: await loadSchemas(mode) })
  const desks = { payments, reconciliation, webhooks }
  return { identity, ledger, rates, ...desks, limits, modules, simulation, jobs, watch, sandbox }
}

interface PaymentsParts {
  readonly ledger: Ledger
  readonly rates: Rates
  readonly identity: Identity
  /** Settings of rails. In the sandbox they point to the simulators. */
  readonly providers: Pick<Settings, 'view'>
  readonly sandbox: Sandbox | undefined
  readonly jobs: () => Jobs
  readonly changed: Job<IntentChange>
  readonly settlementChanged: Job<SettlementChange>
  readonly refundChanged: Job<RefundChange>
}

/** Wires payments with the modules it depends on, and reconciliation on top of it. */
function wirePayments(foundation: Foundation, parts: PaymentsParts) {
  const { config, db, clock, ids, log, metrics, masterKey, settings, fetch, url } = foundation
  const { ledger, rates, identity, providers, sandbox, jobs, changed, settlementChanged, refundChanged } = parts
  const { businessTimeZone: timeZone, mode } = config
  const rails = createRails({ mode, fetch, clock, log, settings: (spec) => providers.view(spec) })
  const callbackKey = masterKey.deriveKey('callback-token')
  const cases = createCases({ clock, ids })
  const handlers = () => payments.inbound
  const spool = { folder: join(config.dataDir, 'spool'), key: masterKey.deriveKey('inbox-spool') }
  const inbox = createInbox({ db, rails, handlers, jobs, clock, log, metrics, callbackKey, spool })
  const payments: Payments = createPayments({
    db,
    ledger,
    cases,
    jobs,
    rails,
    rates,
    clock,
    ids,
    log,
    metrics,
    publicUrl: url,
    callbackKey,
    subscribers: { gateway: changed },
    settlementTerms: async (q, merchantId) => toSettlementTerms(await identity.requireMerchant(q, merchantId)),
    settlementChanged,
    refunds: settings.view(refundsConfig),
    transfers: providers.view(transfersConfig),
    timeZone,
    refundSubscribers: { gateway: refundChanged },
    // Exempt the phones that respond automatically: developers prompt them many times in a row.
    limits: sandbox ? { exemptPhone: sandbox.actsByItself } : {},
  })
  const { bookkeeping } = payments
  const reconciliation = createReconciliation({ db, rails, bookkeeping, cases, clock, log, timeZone })
  return { cases, inbox, payments, reconciliation }
}

type Sandbox = Awaited<ReturnType<typeof wireSandbox>>

/** Wires the background work of all modules and the periodic check of their invariants. */
function wireJobs(
  foundation: Foundation,
  modules: readonly Module[],
  { instanceId, schemas }: { readonly instanceId: string; readonly schemas: readonly Schema[] },
) {
  const { db, clock, ids, log, metrics } = foundation
  const { owner, ownerUser } = foundation.database
  const invariants = modules.flatMap((module) => module.invariants ?? [])
  const watch = watchInvariants({ db, clock, metrics, invariants })
  const jobs: Jobs = createJobs({
    db,
    heartbeats: foundation.heartbeats,
    connection: foundation.database.direct,
    expectedUser: foundation.database.user,
    clock,
    ids,
    log,
    metrics,
    jobs: modules.flatMap((module) => module.jobs ?? []),
    queues: modules.flatMap((module) => module.queues ?? []),
    crons: [
      watch.cron,
      ...(owner && ownerUser !== undefined ? [createBackgroundMigrations({ db, owner, ownerUser, schemas })] : []),
      ...modules.flatMap((module) => module.crons ?? []),
    ],
    instance: {
      id: instanceId,
      version: foundation.version,
      migrations: listKnown(schemas),
      requireCode: () => requireCode(db, schemas).catch(foundation.onRefused),
    },
  })
  return { jobs, watch }
}

const PASSWORD_LENGTH = 16

/** Wires the simulators, the sandbox merchant, and the settings that point rails and price sources to the simulators. */
async function wireSandbox(foundation: Foundation, identity: Identity) {
  const { actsByItself, createSandbox, sandboxCredentials } = await import('#sandbox')
  const { config, db, clock, ids, log, fetch, url, localUrl, masterKey } = foundation
  const key = sandboxKey(config, ids)
  // Anyone who reaches the sandbox pages can approve payments. The password is derived, so it is stable across starts and not stored.
  const isLocalOnly = isLoopback(config.host) && (!config.publicUrl || isLoopback(new URL(config.publicUrl).hostname))
  const password = isLocalOnly
    ? undefined
    : new Secret(masterKey.deriveKey('sandbox-password').toString('base64url').slice(0, PASSWORD_LENGTH))
  const module: Module = createSandbox({
    db,
    clock,
    ids,
    log,
    fetch,
    baseUrl: url,
    webhookUrl: (rail) => `${localUrl()}/api/webhook/${rail}`,
    mayDeliver: ({ origin }) => [url(), localUrl()].some((each) => new URL(each).origin === origin),
    localUrl,
    demoUrl: () => '/demo',
    password,
  })
  let created: Promise<Merchant> | undefined
  // Run once per process: with a shared database, a second run would revoke the key of another process.
  const merchant = (): Promise<Merchant> =>
    (created ??= db
      .transaction((tx) => identity.ensureSandboxMerchant(tx, { secret: key }), { repeatable: true })
      .catch((error: unknown) => {
        created = undefined
        throw error
      }))
  return { module, key, password, merchant, actsByItself, settings: sandboxSettings(localUrl, sandboxCredentials) }
}
