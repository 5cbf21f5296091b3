import { createHash } from 'node:crypto'
import { quoteName } from '../database/grants.ts'
import { rawSql, sql, sqlState, type Db, type Tx } from '../database/db.ts'
import { transactLocked } from '../database/migrate.ts'
import { IDLE_IN_TRANSACTION_MS } from '../database/pool.ts'
import { scramVerifier } from '../database/scram.ts'

/**
 * Returns the name of the program's login in an external PostgreSQL. Roles belong to the whole server, so the name contains a hash of the
 * database's name: two desks on one server have two logins.
 */
export const loginRole = (database: string): string =>
  `purser_${createHash('sha256').update(database).digest('hex').slice(0, 10)}_app`

/** Attributes of a login that can do nothing but what is granted to it. */
const ATTRIBUTES = 'login nosuperuser nocreatedb nocreaterole noreplication nobypassrls noinherit'

/** Serialises changes of the role and the database between instances, which PostgreSQL would refuse as "tuple concurrently updated". */
const LOCK = 7_305_011

/** Runs an act as the only instance that changes the role or the database. */
const alone = <T>(db: Db, act: (tx: Tx) => Promise<T>): Promise<T> => transactLocked(db, LOCK, act)

export interface OwnerFacts {
  /** Role of the owner connection. */
  readonly user: string
  readonly database: string
  /** Whether it may create roles. */
  readonly mayCreateRoles: boolean
}

export async function readOwner(db: Db): Promise<OwnerFacts> {
  return db.one<OwnerFacts>(sql`select current_user::text as user, current_database()::text as database,
    rolcreaterole or rolsuper as "mayCreateRoles" from pg_roles where rolname = current_user`)
}

export const roleExists = async (db: Db, role: string): Promise<boolean> =>
  (await db.maybe(sql`select 1 as found from pg_roles where rolname = ${role}`)) !== undefined

/** Returns whether another session uses the role now. */
export const isRoleInUse = async (db: Db, role: string): Promise<boolean> =>
  (await db.maybe(sql`select 1 as found from pg_stat_activity where usename = ${role} limit 1`)) !== undefined

/** Roles of PostgreSQL whose members can write tables, run programs, touch files of the server, or end the sessions of others. */
const POWERFUL_GROUPS = [
  'pg_write_all_data',
  'pg_execute_server_program',
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_signal_backend',
]

/** Returns why a role could change what a running program must not change. Undefined for a restricted role. */
export async function whyUnrestricted(db: Db, role: string): Promise<string | undefined> {
  interface Found {
    name: string
    superuser: boolean
    powerful: boolean
    owner: boolean
    owns: boolean
  }
  // The role itself, then the roles that it is a member of, also without inheritance: SET ROLE gives their rights.
  const found = await db.many<Found>(sql`
    select g.rolname as name, g.rolsuper as superuser, g.rolname = current_user as owner,
      g.rolcreaterole or g.rolcreatedb or g.rolreplication or g.rolbypassrls or g.rolname = any(${POWERFUL_GROUPS}) as powerful,
      exists (select from pg_shdepend where refclassid = 'pg_authid'::regclass and refobjid = g.oid and deptype = 'o'
        and dbid in (0, (select oid from pg_database where datname = current_database()))) as owns
    from pg_roles r join pg_roles g on g.oid = r.oid or (not r.rolsuper and pg_has_role(r.oid, g.oid, 'member'))
    where r.rolname = ${role} order by g.oid <> r.oid, g.rolname limit 1000`)
  if (found.length === 0) return `the role "${role}" does not exist`
  for (const { name, superuser, powerful, owner, owns } of found) {
    const subject = name === role ? `the role "${role}"` : `the role "${role}" is a member of "${name}", which`
    if (superuser) return `${subject} is a superuser`
    if (owner) return `${subject} is the owner`
    if (powerful) return `${subject} has rights beyond its own tables`
    if (owns) return `${subject} owns objects of the database`
  }
  return undefined
}

/** Returns the statement that makes the role, or gives an existing role its attributes and password. */
export const roleStatement = (role: string, password: string, exists: boolean): string =>
  `${exists ? 'alter' : 'create'} role ${quoteName(role)} ${ATTRIBUTES} password '${scramVerifier(password)}'`

/** Creates the login. Does nothing when another instance created it meanwhile. */
export async function createRole(db: Db, role: string, password: string): Promise<void> {
  await alone(db, async (tx) => {
    const exists = await tx.maybe(sql`select 1 as found from pg_roles where rolname = ${role}`)
    if (!exists) await tx.run(rawSql(roleStatement(role, password, false)))
  })
}

/** Sets the password of the login. Returns false where the owner connection may not change the role. */
export async function setPassword(db: Db, role: string, password: string): Promise<boolean> {
  return tolerate(() =>
    alone(db, (tx) => tx.run(rawSql(`alter role ${quoteName(role)} login password '${scramVerifier(password)}'`))),
  )
}

/** Runs an act. Returns false when PostgreSQL refuses it for lack of rights. */
async function tolerate(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act()
    return true
  } catch (error) {
    if (sqlState(error) === '42501') return false
    throw error
  }
}

export const SEARCH_PATH = 'pg_catalog, pg_temp'

/**
 * Settings of the role in its database, by name. They are not start-up parameters, because PgBouncer 1.18 refuses those. Only system
 * objects are found without a schema, so that a table of another schema cannot take the place of one of Purser's.
 */
const roleSettings = (statementTimeoutMs: number): Readonly<Record<string, string>> => ({
  statement_timeout: String(statementTimeoutMs),
  idle_in_transaction_session_timeout: String(IDLE_IN_TRANSACTION_MS),
  search_path: SEARCH_PATH,
})

/** Returns the statements that set time-outs and search path of the role in the database. */
export const settingStatements = (role: string, database: string, statementTimeoutMs: number): string[] =>
  Object.entries(roleSettings(statementTimeoutMs)).map(
    ([name, value]) => `alter role ${quoteName(role)} in database ${quoteName(database)} set ${name} = ${value}`,
  )

interface RoleSettings {
  readonly role: string
  readonly database: string
  readonly statementTimeoutMs: number
}

/**
 * Sets time-outs and search path of the role in the database, unless they are set already. Returns false where the connection may not. A
 * role may set its own.
 */
export async function applySettings(db: Db, { role, database, statementTimeoutMs }: RoleSettings): Promise<boolean> {
  const wanted = Object.entries(roleSettings(statementTimeoutMs)).map(([name, value]) => `${name}=${value}`)
  return tolerate(() =>
    alone(db, async (tx) => {
      const row = await tx.maybe<{ config: string[] }>(sql`
        select setconfig as config from pg_db_role_setting s join pg_roles r on r.oid = setrole join pg_database d on d.oid = setdatabase
        where rolname = ${role} and datname = ${database}`)
      if (wanted.every((one) => row?.config.includes(one))) return
      await tx.run(rawSql(settingStatements(role, database, statementTimeoutMs).join('; ')))
    }),
  )
}

/** Returns the statements that leave a database to its owner and to the program's login. */
export const databaseStatements = (role: string, database: string): string[] => [
  `grant connect on database ${quoteName(database)} to ${quoteName(role)}`,
  `revoke temporary, create on database ${quoteName(database)} from public`,
  'revoke create on schema public from public',
]

interface DatabaseRights {
  readonly name: string
  readonly mayDatabase: boolean
  readonly maySchema: boolean
  readonly connect: boolean
  readonly database: boolean
  readonly schema: boolean
}

/**
 * Takes from all roles the right to create schemas, temporary tables and tables of the schema `public`, and lets the program's login connect.
 * @returns the statements that an administrator has to run, where the owner connection may not
 */
export async function closeDatabase(db: Db, role: string): Promise<string[]> {
  return alone(db, async (tx) => {
    const rights = await tx.one<DatabaseRights>(sql`
      select datname::text as name, pg_has_role(current_user, datdba, 'usage') as "mayDatabase",
        coalesce((select pg_has_role(current_user, nspowner, 'usage') from pg_namespace where nspname = 'public'), true) as "maySchema",
        has_database_privilege(${role}, d.oid, 'connect') as connect,
        not has_database_privilege('public', d.oid, 'temporary, create') as database,
        not coalesce((select has_schema_privilege('public', oid, 'create') from pg_namespace where nspname = 'public'), false) as schema
      from pg_database d where datname = current_database()`)
    const [connect = '', closed = '', schema = ''] = databaseStatements(role, rights.name)
    const steps = [
      { done: rights.connect, may: rights.mayDatabase, statement: connect },
      { done: rights.database, may: rights.mayDatabase, statement: closed },
      { done: rights.schema, may: rights.maySchema, statement: schema },
    ].filter(({ done }) => !done)
    for (const { may, statement } of steps) if (may) await tx.run(rawSql(statement))
    return steps.filter(({ may }) => !may).map(({ statement }) => statement)
  })
}
