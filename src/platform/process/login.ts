import type { ClientConfig } from 'pg'
import pg from 'pg'
import { AppError, describeError } from '../base/errors.ts'
import type { PlatformConfig } from '../environment/config.ts'
import type { MasterKey } from '../environment/masterkey.ts'
import { openDb, type Db } from '../database/db.ts'
import { openProbe } from '../database/pooler.ts'
import { withLogin, type UrlConnection } from '../database/url.ts'
import { type Endpoints, withLoginOf } from './endpoints.ts'
import { ROLE_FILE, removeRoleFile, writeRoleFile } from './role-file.ts'
import {
  applySettings,
  closeDatabase,
  createRole,
  isRoleInUse,
  loginRole,
  readOwner,
  roleExists,
  setPassword,
  whyUnrestricted,
  type OwnerFacts,
} from './roles.ts'

/** Login of the running program. */
export interface Login {
  readonly app: ClientConfig
  readonly direct: ClientConfig
  /** Role that every connection of the program must have. */
  readonly user: string
  readonly role: 'restricted' | 'owner'
  /** Why the program runs as the owner although DATABASE_ROLE=owner is not set. */
  readonly roleProblem?: string
  readonly warnings: readonly string[]
}

export interface LoginContext {
  readonly config: PlatformConfig
  readonly masterKey: MasterKey
  readonly endpoints: Endpoints
  /** Database of the owner connection. */
  readonly db: Db
  /** Whether roles, passwords and files may be written. A command only reads. */
  readonly mayChange: boolean
}

/**
 * Opens the restricted login of the running program in an external PostgreSQL: the user of DATABASE_URL when another one owns the tables,
 * else a role that Purser or an administrator made. Without one, live mode throws `platform.database-role` unless DATABASE_ROLE=owner is
 * set. The other modes continue as the owner.
 */
export async function openLogin(context: LoginContext): Promise<Login> {
  const owner = await readOwner(context.db)
  const given = await findGivenLogin(context, owner)
  const found = given ?? (await openDerivedLogin(context, owner))
  if ('refused' in found) return runAsOwner(context, owner, found)
  if (context.mayChange) removeRoleFile(context.config.dataDir)
  const { user, connections, warnings } = found
  const [app, direct = app] = connections
  if (context.mayChange) await setOwnTimeouts(context, owner, found)
  return { app, direct, user, role: 'restricted', warnings }
}

interface Restricted {
  readonly user: string
  /** Connection through the host of DATABASE_URL, then the direct one if there is one. */
  readonly connections: readonly [UrlConnection, UrlConnection?]
  readonly warnings: string[]
}

interface Refused {
  /** Why there is no restricted login. */
  readonly refused: string
  readonly role: string
  readonly password: string
  readonly exists: boolean
}

/** Returns the login of DATABASE_URL when its user is restricted, because the owner has another user. */
async function findGivenLogin(context: LoginContext, owner: OwnerFacts): Promise<Restricted | undefined> {
  const { app, direct } = context.endpoints
  if (app.user === owner.user || (await whyUnrestricted(context.db, app.user)) !== undefined) return undefined
  const connections = direct
    ? ([app.connection, withLoginOf(direct.connection, app.connection)] as const)
    : ([app.connection] as const)
  return { user: app.user, connections, warnings: await prepareRole(context, owner, app.user) }
}

/** Opens the login whose name and password Purser derives. Makes it where the owner connection may. */
async function openDerivedLogin(context: LoginContext, owner: OwnerFacts): Promise<Restricted | Refused> {
  const { db, masterKey } = context
  const role = loginRole(owner.database)
  // A new version of the master key changes the password. The versions before it remain valid until then.
  const passwords = masterKey.versions.map((version) => derivePassword(masterKey, role, version)).toReversed()
  const [password = ''] = passwords
  const mayChange = owner.mayCreateRoles && context.mayChange
  let exists = await roleExists(db, role)
  const refuse = (refused: string): Refused => ({ refused, role, password, exists })
  if (!exists && !mayChange) return refuse(`the user "${owner.user}" may not create roles`)
  if (!exists) await createRole(db, role, password)
  exists = true
  const unrestricted = await whyUnrestricted(db, role)
  if (unrestricted !== undefined) return refuse(unrestricted)
  const warnings = await prepareRole(context, owner, role)
  let tried = await tryPasswords(context, role, passwords)
  if (typeof tried === 'string' && mayChange && (await setPassword(db, role, password))) {
    tried = await tryPasswords(context, role, [password])
  }
  if (typeof tried === 'string') return refuse(tried)
  if (tried.password === password) return { ...tried, user: role, warnings }
  const renewed = await renewPassword(context, { role, password, tried })
  return { ...renewed, user: role, warnings: [...warnings, ...renewed.warnings] }
}

const derivePassword = (masterKey: MasterKey, role: string, version: number): string =>
  masterKey.deriveKey(`database-role:${role}`, version).toString('base64url')

type Connections = Pick<Restricted, 'connections'>
interface Tried extends Connections {
  readonly password: string
}

/** Changes the password to that of the newest master key. Other instances would be locked out, so none may be connected. */
async function renewPassword(
  context: LoginContext,
  { role, password, tried }: { role: string; password: string; tried: Tried },
): Promise<Connections & { warnings: string[] }> {
  const { db, mayChange } = context
  if (!mayChange) return { ...tried, warnings: [] }
  if (!(await isRoleInUse(db, role)) && (await setPassword(db, role, password))) {
    const renewed = await tryPasswords(context, role, [password])
    if (typeof renewed !== 'string') return { ...renewed, warnings: [] }
  }
  const warning = `The password of the role ${role} comes from an earlier version of the master key. The next start at which no other instance is connected changes it.`
  return { ...tried, warnings: [warning] }
}

/** Tries the passwords one after the other. Returns why PostgreSQL or the pooler refused the last one. */
async function tryPasswords(
  context: LoginContext,
  user: string,
  passwords: readonly string[],
): Promise<Tried | string> {
  const { app, direct } = context.endpoints
  let refused = ''
  for (const password of passwords) {
    const connections = direct
      ? ([withLogin(app.connection, { user, password }), withLogin(direct.connection, { user, password })] as const)
      : ([withLogin(app.connection, { user, password })] as const)
    const reasons = await Promise.all(
      connections.map((connection) => tryLogin(connection, user, context.config.databaseConnectTimeoutMs)),
    )
    const reason = reasons.find((one) => one !== undefined)
    if (reason === undefined) return { connections, password }
    refused = reason
  }
  return refused
}

/** SQLSTATEs of a refused login. PgBouncer 1.18 answers 08P01 for a user that it does not know. */
const REFUSED = /^(28...|08P01|42501)$/

/** Returns why a login is refused, or undefined when it works. Throws when the server cannot be reached. */
async function tryLogin(connection: UrlConnection, user: string, limitMs: number): Promise<string | undefined> {
  let client: pg.Client | undefined
  try {
    client = await openProbe(connection, limitMs)
    const { rows } = await client.query<{ user: string }>('select current_user::text as user')
    if (rows[0]?.user === user) return undefined
    return `a login as "${user}" gets the role "${rows[0]?.user ?? ''}"`
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || !REFUSED.test(error.code ?? '')) throw unusable(error)
    return `the login as "${user}" is refused: ${describeError(error)}`
  } finally {
    await client?.end()
  }
}

const unusable = (error: unknown): AppError =>
  new AppError(
    'platform.database-unreachable',
    500,
    `The database of DATABASE_URL cannot be used: ${describeError(error)}. Check that PostgreSQL runs and has free connections.`,
    { cause: error },
  )

/**
 * Sets time-outs and search path of the role, and takes the rights of all roles on the database, as far as the owner connection may. Runs
 * before the first login, because a pooler keeps that connection and with it the settings of that time.
 * @returns warnings
 */
async function prepareRole(context: LoginContext, { database }: OwnerFacts, role: string): Promise<string[]> {
  const { db, config, mayChange } = context
  if (!mayChange) return []
  await applySettings(db, { role, database, statementTimeoutMs: config.databaseStatementTimeoutMs })
  const left = await closeDatabase(db, role)
  if (left.length === 0) return []
  const statements = left.join('; ')
  return [`Rights in this database are wider than Purser needs, or too narrow. Its owner should run: ${statements}`]
}

/** Sets time-outs and search path as the login itself, where the owner connection may not. */
async function setOwnTimeouts(context: LoginContext, { database }: OwnerFacts, login: Restricted): Promise<void> {
  const { user: role, connections } = login
  const connection = connections.at(-1) ?? connections[0]
  const own = openDb({
    connection,
    expectedUser: role,
    max: 1,
    pooler: { mode: 'transaction', keepsStatements: false },
  })
  try {
    await applySettings(own, { role, database, statementTimeoutMs: context.config.databaseStatementTimeoutMs })
  } finally {
    await own.close()
  }
}

/** Runs the program as the owner where the settings allow it. Writes the statements for an administrator to a file. */
async function runAsOwner(context: LoginContext, owner: OwnerFacts, found: Refused): Promise<Login> {
  const { config, endpoints, mayChange } = context
  const { dataDir, databaseStatementTimeoutMs: statementTimeoutMs, mode, databaseRole } = config
  const reason = `Purser has no restricted login in PostgreSQL: ${found.refused}.`
  const path = mayChange
    ? writeRoleFile({ ...found, dataDir, database: owner.database, pooled: endpoints.app.pooled, statementTimeoutMs })
    : undefined
  const way = `An administrator must run the statements of ${path ?? ROLE_FILE}`
  if (databaseRole !== 'owner' && mode === 'live') {
    throw new AppError(
      'platform.database-role',
      500,
      `${reason} ${way}, or set DATABASE_ROLE=owner to run as the owner "${owner.user}", who can rewrite the books.`,
    )
  }
  if (mayChange) await applySettings(context.db, { role: owner.user, database: owner.database, statementTimeoutMs })
  const app = await openAsOwner(context, owner)
  const direct = endpoints.direct ? withLoginOf(endpoints.direct.connection, app) : app
  const login = { app, direct, user: owner.user, role: 'owner' } as const
  if (databaseRole === 'owner') return { ...login, warnings: [] }
  const problem = `${reason} The program runs as the owner "${owner.user}", who can rewrite the books. ${way}, or set DATABASE_ROLE=owner.`
  const roleProblem = `no restricted login; see ${ROLE_FILE} in DATA_DIR`
  return { ...login, roleProblem, warnings: [problem] }
}

/** Returns the connection of the owner through the host of DATABASE_URL. */
async function openAsOwner({ endpoints, config }: LoginContext, { user }: OwnerFacts): Promise<UrlConnection> {
  const { app, owner } = endpoints
  if (app.user === user) return app.connection
  const connection = withLoginOf(app.connection, owner.connection)
  const refused = await tryLogin(connection, user, config.databaseConnectTimeoutMs)
  if (refused === undefined) return connection
  throw new AppError(
    'platform.database-role',
    500,
    `The program cannot run as the owner, because through DATABASE_URL ${refused}. Set DATABASE_URL to a login that works.`,
  )
}
