import { z } from 'zod'
import { integer } from './fields.ts'
import { setting, type Values } from './spec.ts'

/** Values of `sslmode` in a database URL, with the meaning that libpq gives them. `no-verify` is the library's name of `require`. */
const TLS_MODES = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full']

const postgresUrl = z
  .url({ protocol: /^postgres(ql)?$/, error: 'a URL that starts with postgres://' })
  .refine(
    (url) => !URL.canParse(url) || TLS_MODES.includes(new URL(url).searchParams.get('sslmode') ?? 'disable'),
    'a URL whose sslmode is disable, allow, prefer, require, verify-ca or verify-full',
  )

/** Maximum pool size. The embedded server has 60 connections; jobs, commands and PostgreSQL's reserve need the rest. */
const EMBEDDED_POOL_MAX = 40

/** A step of a loop has 45 s (`runtime/jobs/loop.ts`). The client waits 5 s beyond the limit of PostgreSQL. */
const MAX_STATEMENT_MS = 39_000

/** Settings of the database connections. Part of the platform's settings. */
export const databaseSettings = {
  databaseUrl: setting('DATABASE_URL', postgresUrl.optional(), {
    doc: 'URL of a PostgreSQL 15 or later; the program logs in with it. Its user may be the owner of the database: if it may create roles, Purser makes a restricted login for itself. TLS: sslmode=disable|allow|prefer|require|verify-ca|verify-full with the meaning of libpq (require checks no certificate, verify-full does). Default: an embedded PostgreSQL in DATA_DIR.',
    secret: true,
    example: 'postgres://purser:password@localhost:5432/purser',
  }),
  databaseOwnerUrl: setting('DATABASE_OWNER_URL', postgresUrl.optional(), {
    doc: 'URL of the user that owns and migrates the tables, if it is not the user of DATABASE_URL. The user of DATABASE_URL then gets only the rights of the running program.',
    secret: true,
    example: 'postgres://purser_owner:password@localhost:5432/purser',
  }),
  databaseDirectUrl: setting('DATABASE_DIRECT_URL', postgresUrl.optional(), {
    doc: 'URL of the same database without the connection pooler, for session locks, LISTEN, the job queue and migrations. Required for a worker when DATABASE_URL reaches a pooler in transaction mode.',
    secret: true,
    example: 'postgres://purser:password@localhost:5432/purser',
  }),
  databaseRole: setting('DATABASE_ROLE', z.enum(['restricted', 'owner'], 'restricted or owner').default('restricted'), {
    doc: 'owner accepts that the program runs as the owner of the tables when no restricted login can be made. Live mode does not start without one otherwise.',
  }),
  databasePooler: setting('DATABASE_POOLER', z.enum(['session', 'transaction'], 'session or transaction').optional(), {
    doc: 'Mode of the connection pooler that DATABASE_URL reaches: session or transaction. Default: a recognised pooler is assumed to be in transaction mode.',
    example: 'session',
  }),
  databasePoolMax: setting('DATABASE_POOL_MAX', integer(2, 500).default(10), {
    doc: 'Maximum database connections of the pool of one process. 10 keep two cores of PostgreSQL busy; more only wait there. `npx purser config check` prints the sum of all connections.',
    aliases: ['DB_POOL_MAX', 'POOL_MAX', 'MAX_POOL_SIZE'],
  }),
  databasePoolMin: setting('DATABASE_POOL_MIN', integer(0, 500).default(1), {
    doc: 'Database connections of the pool that stay open when idle, so that the first payment after a quiet time waits for no login. The heartbeat has one more of its own.',
    aliases: ['DB_POOL_MIN', 'POOL_MIN', 'MIN_POOL_SIZE'],
  }),
  databasePoolIdleMs: setting('DATABASE_POOL_IDLE_MS', integer(1000, 3_600_000).default(3000), {
    doc: 'Milliseconds after which an idle connection above DATABASE_POOL_MIN is closed. Keep it below DATABASE_CONNECT_TIMEOUT_MS: an instance that finds the server full waits that long for a connection that another one closes.',
    aliases: ['DB_POOL_IDLE', 'POOL_IDLE', 'MAX_IDLE_TIME_MS'],
  }),
  databaseConnectTimeoutMs: setting('DATABASE_CONNECT_TIMEOUT_MS', integer(100, 600_000).default(5_000), {
    doc: 'Milliseconds after which an attempt to connect to the database fails.',
    aliases: ['DB_CONNECT_TIMEOUT_MS', 'SERVER_SELECTION_TIMEOUT_MS'],
  }),
  databaseStatementTimeoutMs: setting(
    'DATABASE_STATEMENT_TIMEOUT_MS',
    integer(1_000, MAX_STATEMENT_MS).default(30_000),
    {
      doc: 'Milliseconds after which PostgreSQL cancels a statement of the program. At most 39000, because periodic work has 45 s for a step.',
      aliases: ['DB_STATEMENT_TIMEOUT_MS', 'SOCKET_TIMEOUT_MS'],
    },
  ),
}

/** Returns the contradictions between the settings of the database, one line each. */
export function findDatabaseProblems(values: Values<typeof databaseSettings>): string[] {
  const lines: string[] = []
  if (values.databasePoolMin > values.databasePoolMax) {
    lines.push(
      `DATABASE_POOL_MIN=${values.databasePoolMin} is more than DATABASE_POOL_MAX=${values.databasePoolMax}. Lower DATABASE_POOL_MIN.`,
    )
  }
  if (values.databaseUrl) return lines
  if (values.databasePoolMax > EMBEDDED_POOL_MAX) {
    lines.push(
      `DATABASE_POOL_MAX=${values.databasePoolMax} is more than the embedded database allows. Set it to at most ${EMBEDDED_POOL_MAX}, or set DATABASE_URL.`,
    )
  }
  const beside = { DATABASE_OWNER_URL: values.databaseOwnerUrl, DATABASE_DIRECT_URL: values.databaseDirectUrl }
  for (const [name, url] of Object.entries(beside)) {
    if (url) lines.push(`${name} is set but DATABASE_URL is not. Set DATABASE_URL, or remove ${name}.`)
  }
  return lines
}
