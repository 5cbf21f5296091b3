import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { openTestDatabase } from '../../../test/database.ts'
import { applyGrants } from './grants.ts'
import { rawSql, sql, sqlState, type Db } from './db.ts'
import { migrate, type Schema } from './migrate.ts'
import { platformSchema } from './schema.ts'

const ROLE = 'purser_app'

/** Writes a schema `notes` with two tables, a sequence and a function to a temporary folder. */
function openSchema(grants: string): Schema & Disposable & { write(text: string): void } {
  const folder = mkdtempSync(join(tmpdir(), 'purser-grants-'))
  const write = (text: string): void => writeFileSync(join(folder, 'grants.sql'), text)
  writeFileSync(
    join(folder, '0001-notes.sql'),
    `create table notes.pages (id int primary key, text text, secret text);
     create table notes.log (id bigint generated always as identity, line text);
     create sequence notes.numbers;
     create function notes.count() returns bigint language sql as 'select count(*) from notes.pages';
     revoke execute on function notes.count from public;`,
  )
  write(grants)
  return {
    name: 'notes',
    folder: pathToFileURL(`${folder}/`),
    write,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true }),
  }
}

const denied = (db: Db, statement: string): Promise<void> =>
  assert.rejects(db.run(rawSql(statement)), (error) => sqlState(error) === '42501')

void test('a changed file replaces every right of the role, and an unchanged one is skipped', async () => {
  await using t = await openTestDatabase([platformSchema])
  using schema = openSchema(`grant usage on schema notes to :app_role;
    grant select, insert, update (text) on notes.pages to :app_role;
    grant usage on sequence notes.numbers to :app_role; grant execute on function notes.count to :app_role;`)
  await migrate(t.owner, [platformSchema, schema])
  assert.deepEqual(await applyGrants(t.owner, [schema], ROLE), ['notes'])
  assert.deepEqual(await applyGrants(t.owner, [schema], ROLE), [])
  await t.db.run(sql`insert into notes.pages (id) values (nextval('notes.numbers'))`)
  await t.db.run(sql`update notes.pages set text = 'a'`)
  await t.db.run(sql`select notes.count()`)
  await denied(t.db, `update notes.pages set secret = 'a'`)
  await denied(t.db, `insert into notes.log (line) values ('a')`)

  schema.write('grant usage on schema notes to :app_role; grant select on notes.pages to :app_role;')
  assert.deepEqual(await applyGrants(t.owner, [schema], ROLE), ['notes'])
  await t.db.run(sql`select id from notes.pages limit 1`)
  await denied(t.db, `update notes.pages set text = 'b'`)
  await denied(t.db, `select nextval('notes.numbers')`)
  await denied(t.db, `select notes.count()`)
})

void test('rights that were changed by hand are set again', async () => {
  await using t = await openTestDatabase([platformSchema])
  using schema = openSchema('grant usage on schema notes to :app_role; grant select on notes.pages to :app_role;')
  await migrate(t.owner, [platformSchema, schema])
  const byHand = [
    `grant delete on notes.pages to ${ROLE}`,
    `grant update (secret) on notes.pages to ${ROLE}`,
    `revoke select on notes.pages from ${ROLE}`,
    `revoke usage on schema notes from ${ROLE}`,
    `grant create on schema notes to ${ROLE}`,
    `grant usage on sequence notes.numbers to ${ROLE}`,
    `grant execute on function notes.count to ${ROLE}`,
  ]
  for (const change of byHand) {
    await applyGrants(t.owner, [schema], ROLE)
    await t.owner.run(rawSql(change))
    assert.deepEqual(await applyGrants(t.owner, [schema], ROLE), ['notes'], change)
  }
  await t.db.run(sql`select id from notes.pages limit 1`)
  await denied(t.db, 'delete from notes.pages')
  await denied(t.db, `update notes.pages set secret = 'b'`)
})

void test('a file that fails leaves the rights as they were', async () => {
  await using t = await openTestDatabase([platformSchema])
  using schema = openSchema('grant usage on schema notes to :app_role; grant select on notes.pages to :app_role;')
  await migrate(t.owner, [platformSchema, schema])
  await applyGrants(t.owner, [schema], ROLE)
  schema.write('grant usage on schema notes to :app_role; grant select on notes.nothing to :app_role;')
  await assert.rejects(applyGrants(t.owner, [schema], ROLE), (error) => sqlState(error) === '42P01')
  await t.db.run(sql`select id from notes.pages limit 1`)
})

void test('the name of the role is quoted, and the owner keeps its rights', async () => {
  await using t = await openTestDatabase([platformSchema])
  using schema = openSchema('grant usage on schema notes to :app_role; grant select on notes.pages to :app_role;')
  await migrate(t.owner, [platformSchema, schema])
  const name = 'app "$&"; drop table notes.pages'
  await t.owner.run(rawSql(`create role "${name.replaceAll('"', '""')}"`))
  try {
    assert.deepEqual(await applyGrants(t.owner, [schema], name), ['notes'])
    const { can } = await t.owner.one<{ can: boolean }>(
      sql`select has_table_privilege(${name}, 'notes.pages', 'select') as can`,
    )
    assert.equal(can, true)
  } finally {
    await t.owner.run(
      rawSql(`drop owned by "${name.replaceAll('"', '""')}"; drop role "${name.replaceAll('"', '""')}"`),
    )
  }
  const { owner } = await t.owner.one<{ owner: string }>(sql`select current_user as owner`)
  assert.deepEqual(await applyGrants(t.owner, [schema], owner), [])
  await t.owner.run(sql`delete from notes.pages`)
  await assert.rejects(applyGrants(t.owner, [schema], 'nobody_has_this_name'), /does not exist/)
})

void test('a version that runs on the schema of a newer one keeps the rights that the newer one set', async () => {
  await using t = await openTestDatabase([platformSchema])
  using newer = openSchema(
    'grant usage on schema notes to :app_role; grant select, insert on notes.pages to :app_role;',
  )
  using older = openSchema('grant usage on schema notes to :app_role;')
  writeFileSync(new URL('0002-more.sql', newer.folder), 'create table notes.more (id int);')
  await migrate(t.owner, [platformSchema, newer])
  await applyGrants(t.owner, [newer], ROLE)
  assert.deepEqual(await applyGrants(t.owner, [platformSchema, older], ROLE), [])
  // A contract migration of another schema is no reason to refuse.
  await t.owner.run(
    sql`update platform.migrations set kind = 'contract', needs = 'notes/0001-notes.sql' where name = '0002-more.sql'`,
  )
  await applyGrants(t.owner, [platformSchema], ROLE)
  await t.db.run(sql`insert into notes.pages (id) values (1)`)
})
