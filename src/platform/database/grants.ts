import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { AppError } from '../base/errors.ts'
import { rawSql, sql, type Db, type Tx } from './db.ts'
import { listNewerSchemas, transactLocked, type Schema } from './migrate.ts'

/** File beside the migrations with the rights of the running program. `:app_role` stands for its role. */
const FILE = 'grants.sql'
const LOCK = 7_305_010

/**
 * Gives the role of the running program exactly the rights of `grants.sql` of each schema, in one transaction. Runs as the owner, after
 * `migrate`. Skips a schema whose file and rights are unchanged since the last call, and one with migrations of a newer version: that
 * version has set its rights, and its instances may run. Does nothing when the role is the owner itself, because a revoke would take the
 * owner's own rights.
 * @returns names of the schemas whose rights this call set
 */
export async function applyGrants(db: Db, schemas: readonly Schema[], role: string): Promise<string[]> {
  const files = schemas.map(({ name, folder }) => ({ name, text: readFileSync(new URL(FILE, folder), 'utf8') }))
  return transactLocked(db, LOCK, async (tx) => {
    if (await isOwner(tx, role)) return []
    await tx.run(sql`create table if not exists platform.grants (
      schema text not null, role text not null, file_hash text not null, rights_hash text not null, primary key (schema, role))`)
    const newer = await listNewerSchemas(tx, schemas)
    const changed: string[] = []
    for (const { name, text } of files)
      if (!newer.includes(name) && (await grant(tx, { schema: name, text, role }))) changed.push(name)
    return changed
  })
}

/** Quotes a name for SQL. */
export const quoteName = (name: string): string => `"${name.replaceAll('"', '""')}"`

async function isOwner(tx: Tx, role: string): Promise<boolean> {
  const found = await tx.maybe<{ owner: boolean }>(
    sql`select rolname = current_user as owner from pg_roles where rolname = ${role}`,
  )
  if (!found)
    throw new AppError('platform.database-role', 500, `The database role ${role} does not exist. Create it first.`)
  return found.owner
}

interface Rights {
  readonly schema: string
  readonly text: string
  readonly role: string
}

async function grant(tx: Tx, { schema, text, role }: Rights): Promise<boolean> {
  const fileHash = createHash('sha256').update(text).digest('hex')
  const last = await tx.maybe<{ file_hash: string; rights_hash: string }>(
    sql`select file_hash, rights_hash from platform.grants where schema = ${schema} and role = ${role}`,
  )
  if (last?.file_hash === fileHash && last.rights_hash === (await hashRights(tx, schema, role))) return false
  const to = quoteName(role)
  const from = `schema ${quoteName(schema)} from ${to}`
  const revokes = ['tables', 'sequences', 'functions'].map((kind) => `revoke all on all ${kind} in ${from};`).join('\n')
  await tx.run(rawSql(`${revokes}\nrevoke all on ${from};\n${text.replaceAll(':app_role', () => to)}`))
  const rightsHash = await hashRights(tx, schema, role)
  await tx.run(sql`insert into platform.grants (schema, role, file_hash, rights_hash)
    values (${schema}, ${role}, ${fileHash}, ${rightsHash})
    on conflict (schema, role) do update set file_hash = excluded.file_hash, rights_hash = excluded.rights_hash`)
  return true
}

/** Hashes all rights of the role and of PUBLIC in a schema, so that a right granted or revoked by hand is noticed. */
async function hashRights(tx: Tx, schema: string, role: string): Promise<string> {
  const { hash } = await tx.one<{ hash: string }>(sql`
    with owned as (
      select 'schema' as object, coalesce(nspacl, acldefault('n', nspowner)) as acl from pg_namespace where nspname = ${schema}
      union all
      select c.oid::regclass::text, coalesce(relacl, acldefault(case relkind when 'S' then 's' else 'r' end::"char", relowner))
        from pg_class c where relnamespace = to_regnamespace(quote_ident(${schema})) and relkind in ('r', 'p', 'v', 'm', 'S')
      union all
      select attrelid::regclass || '.' || attname, attacl from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = to_regnamespace(quote_ident(${schema})) and attacl is not null and not attisdropped
      union all
      select oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner))
        from pg_proc where pronamespace = to_regnamespace(quote_ident(${schema}))
    ), rights as (
      select object || ' ' || case grantee when 0 then 'public' else 'role' end || ' ' || privilege_type || ' ' || is_grantable as "right"
      from owned, aclexplode(acl)
      where grantee = 0 or grantee = (select oid from pg_roles where rolname = ${role})
    )
    select md5(coalesce(string_agg("right", E'\n' order by "right" collate "C"), '')) as hash from rights`)
  return hash
}
