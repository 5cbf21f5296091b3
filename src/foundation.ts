import { gatewayConfig } from '#gateway'
import { refundsConfig, transfersConfig } from '#payments'
import { systemClock, type Clock } from '#platform/base/clock'
import { loadConfig, platformConfig, processSources, type Loaded, type Sources } from '#platform/environment/config'
import type { Database } from '#platform/process/startup'
import { openDb } from '#platform/database/db'
import { createFetch } from '#platform/web/fetch'
import { createHttp, createLocalUrl, type HttpServer } from '#platform/web/http'
import { createIds, type Ids } from '#platform/base/ids'
import type { Log } from '#platform/observe/log'
import type { MasterKey } from '#platform/environment/masterkey'
import { createMetrics } from '#platform/observe/metrics'
import { applicationName } from '#platform/database/postgres'
import { openSettings } from '#platform/runtime/settings'
import { priceSourcesConfig, ratesConfig } from '#rates'
import { railConfigs } from '#rails'

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

/** Parses all settings from the environment and `.env`. Throws `platform.bad-config` with one line per problem. */
export const loadAppConfig = (sources: Sources = processSources()): AppConfig => loadConfig(configSpecs, sources)

/** Maximum time that a stop waits for requests and jobs in flight, after DRAIN_DELAY_MS. */
export const DRAIN_MS = 10_000

const HEARTBEAT_LIMIT_MS = 3_000

export interface AppDeps {
  readonly loaded: AppConfig
  /** Without `owner` no background migrations run. */
  readonly database: Pick<Database, 'app' | 'direct' | 'user' | 'pooler' | 'role' | 'roleProblem' | 'exclusive'> &
    Partial<Pick<Database, 'owner' | 'ownerUser' | 'embedded' | 'serverState'>>
  readonly masterKey: MasterKey
  readonly log: Log
  readonly version: string
  readonly clock?: Clock
  readonly ids?: Ids
  /** Validates every response against its schema. For tests. */
  readonly checkResponses?: boolean
  /** Time without a received byte after which a stop cuts idle connections. Default: 500 ms; tests use 0. */
  readonly idleGraceMs?: number
  /** Called when a migration removed what this version needs while the process ran or started. Default: throws the error. */
  readonly onRefused?: (error: unknown) => void
}

const rethrow = (error: unknown): never => {
  throw error
}

export type Foundation = Awaited<ReturnType<typeof openFoundation>>

/** Opens the resources that all modules share: database, settings, HTTP server, outgoing HTTP, clock, ids, log and metrics. */
export async function openFoundation(deps: AppDeps) {
  const { loaded, database, masterKey, log, version, clock = systemClock } = deps
  const { platform: config } = loaded.config
  const { mode } = config
  const metrics = createMetrics()
  const connecting = {
    connection: database.app,
    clock,
    expectedUser: database.user,
    pooler: database.pooler,
    connectTimeoutMs: config.databaseConnectTimeoutMs,
    applicationName: applicationName(config.instanceType),
    onError: (error: Error) => log.warn({ error: error.message }, 'a database connection broke'),
  }
  const db = openDb({
    ...connecting,
    statementTimeoutMs: config.databaseStatementTimeoutMs,
    max: config.databasePoolMax,
    min: config.databasePoolMin,
    idleMs: config.databasePoolIdleMs,
  })
  // Others count an instance as dead after 10 s of silence, so its heartbeats wait neither for requests nor for a frozen connection.
  const heartbeats = openDb({ ...connecting, statementTimeoutMs: HEARTBEAT_LIMIT_MS, max: 1 })
  const settings = await openSettings({ db, specs: configSpecs, given: loaded.given, mode, masterKey, clock, log })
  const url = (): string => config.publicUrl ?? localUrl()
  const http: HttpServer = await createHttp({
    log,
    metrics,
    version,
    publicUrl: config.publicUrl ?? url,
    trustProxy: config.trustProxy,
    checkResponses: deps.checkResponses ?? false,
    drainMs: DRAIN_MS,
    drainDelayMs: config.drainDelayMs,
    corsOrigins: config.corsOrigins,
    ...(deps.idleGraceMs !== undefined && { idleGraceMs: deps.idleGraceMs }),
  })
  const localUrl = createLocalUrl(http, config)
  return {
    config,
    database,
    masterKey,
    log,
    version,
    onRefused: deps.onRefused ?? rethrow,
    clock,
    ids: deps.ids ?? createIds(clock),
    metrics,
    db,
    heartbeats,
    settings,
    fetch: createFetch({ log, metrics, mode, allowLoopback: mode === 'sandbox' }),
    http,
    url,
    localUrl,
  }
}
