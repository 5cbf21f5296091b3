import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { AppError, describeError } from '../base/errors.ts'
import type { PlatformConfig } from '../environment/config.ts'
import { isPooled, openProbe } from '../database/pooler.ts'
import { parseDatabaseUrl, withLogin, type UrlConnection } from '../database/url.ts'

/** A connection of the settings that was tried. */
export interface Endpoint {
  /** Setting that names it. */
  readonly setting: string
  readonly connection: UrlConnection
  /** Role that the connection has after its login. */
  readonly user: string
  /** Whether a pooler answered, or DATABASE_POOLER=transaction declares one at this address. */
  readonly pooled: boolean
}

/** Connections of the settings to one database. */
export interface Endpoints {
  /** DATABASE_URL. */
  readonly app: Endpoint
  /** DATABASE_DIRECT_URL. */
  readonly direct: Endpoint | undefined
  /** Connection of the owner: DATABASE_OWNER_URL, else DATABASE_DIRECT_URL, else DATABASE_URL. */
  readonly owner: Endpoint
}

type Settings = Pick<
  PlatformConfig,
  'databaseUrl' | 'databaseOwnerUrl' | 'databaseDirectUrl' | 'databaseConnectTimeoutMs' | 'databasePooler'
>

/**
 * Connects to each URL of the settings once. Throws one line that says what to do: `platform.database-unreachable`,
 * `platform.database-too-old`, `platform.direct-is-pooled` when DATABASE_DIRECT_URL reaches a pooler too, and
 * `platform.other-database` when the URLs reach different databases.
 */
export async function openEndpoints(config: Settings): Promise<Endpoints> {
  const opened: Opened[] = []
  const limitMs = config.databaseConnectTimeoutMs
  const open = async (setting: string, url: string): Promise<Opened> => {
    const tried = await openFirst(setting, parseDatabaseUrl(setting, url), limitMs)
    // A pooler that tells its clients the process id of the server is known by its declaration only.
    const [app = tried] = opened
    const declared = config.databasePooler === 'transaction' && isSameAddress(tried.connection, app.connection)
    const one = { ...tried, pooled: tried.pooled || declared }
    opened.push(one)
    return one
  }
  const openOptional = (setting: string, url: PlatformConfig['databaseUrl']): Promise<Opened | undefined> =>
    url ? open(setting, url.reveal()) : Promise.resolve(undefined)
  try {
    const app = await open('DATABASE_URL', config.databaseUrl?.reveal() ?? '')
    const direct = await openOptional('DATABASE_DIRECT_URL', config.databaseDirectUrl)
    if (direct) await requireDirect(direct, app)
    let owner = (await openOptional('DATABASE_OWNER_URL', config.databaseOwnerUrl)) ?? direct ?? app
    if (owner !== app && owner !== direct) await requireSameDatabase(owner, app)
    if (owner.pooled && direct) {
      owner = await openFirst('DATABASE_OWNER_URL', [withLoginOf(direct.connection, owner.connection)], limitMs)
      opened.push(owner)
    }
    return { app: toEndpoint(app), direct: direct && toEndpoint(direct), owner: toEndpoint(owner) }
  } finally {
    await Promise.all(opened.map(({ client }) => client.end()))
  }
}

const isSameAddress = (one: UrlConnection, other: UrlConnection): boolean =>
  one.host === other.host && one.port === other.port

interface Opened extends Endpoint {
  readonly client: pg.Client
}

const toEndpoint = ({ setting, connection, user, pooled }: Opened): Endpoint => ({ setting, connection, user, pooled })

/** Returns the connection with the user and password of another one. */
export const withLoginOf = (connection: UrlConnection, { user, password }: UrlConnection): UrlConnection =>
  withLogin(connection, { user, password: typeof password === 'string' ? password : undefined })

const MIN_SERVER_VERSION = 150_000

/** Opens the first of the connections that works: `sslmode=prefer` and `allow` have a second one. */
async function openFirst(setting: string, connections: readonly UrlConnection[], limitMs: number): Promise<Opened> {
  const [connection, ...others] = connections
  if (!connection) throw unreachable(setting, new Error('the URL is empty'))
  let client: pg.Client | undefined
  try {
    client = await openProbe(connection, limitMs)
    const { rows } = await client.query<{ user: string; version: number }>(
      `select current_user::text as user, current_setting('server_version_num')::int as version`,
    )
    const { user = '', version = 0 } = rows[0] ?? {}
    if (version < MIN_SERVER_VERSION) throw tooOld(setting, version)
    return { setting, connection, user, client, pooled: await isPooled(client) }
  } catch (error) {
    await client?.end()
    if (others.length > 0 && isTlsRefused(error)) return openFirst(setting, others, limitMs)
    throw error instanceof AppError ? error : unreachable(setting, error)
  }
}

/** Returns whether the server refused to speak TLS, or refused to speak without it. */
const isTlsRefused = (error: unknown): boolean =>
  error instanceof Error &&
  (error.message === 'The server does not support SSL connections' ||
    (error instanceof pg.DatabaseError && /^(28000|08P01)$/.test(error.code ?? '')))

const unreachable = (setting: string, error: unknown): AppError =>
  new AppError(
    'platform.database-unreachable',
    500,
    `The database of ${setting} cannot be used: ${describeError(error)}. Check the URL, and that PostgreSQL runs and accepts the user and password.`,
  )

const tooOld = (setting: string, version: number): AppError =>
  new AppError(
    'platform.database-too-old',
    500,
    `The server of ${setting} is PostgreSQL ${Math.floor(version / 10_000)}. Use PostgreSQL 15 or later.`,
  )

async function requireDirect(direct: Opened, app: Opened): Promise<void> {
  if (direct.pooled) {
    throw new AppError(
      'platform.direct-is-pooled',
      500,
      'DATABASE_DIRECT_URL reaches a connection pooler. Set it to the address of the PostgreSQL server itself.',
    )
  }
  await requireSameDatabase(direct, app)
}

/**
 * Checks that two connections reach one database of one server. One holds an advisory lock that the other cannot get. Unlike the
 * identifiers of server and database, this needs no rights, and tells a server from its standby.
 */
async function requireSameDatabase(holder: Opened, other: Opened): Promise<void> {
  const key = [randomBytes(8).readBigInt64BE().toString()]
  await holder.client.query('begin')
  try {
    await holder.client.query('select pg_advisory_xact_lock($1)', key)
    const { rows } = await other.client.query<{ free: boolean }>('select pg_try_advisory_xact_lock($1) as free', key)
    if (rows[0]?.free === false) return
  } finally {
    await holder.client.query('rollback')
  }
  throw new AppError(
    'platform.other-database',
    500,
    `${holder.setting} and ${other.setting} reach different databases. Set both to the same database of the same server.`,
  )
}
