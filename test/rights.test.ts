import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openDb, rawSql, sqlState, type Db } from '#platform/database/db'
import { openWorld, type World } from './world.ts'

/** SQLSTATE of a missing right. The schemas raise their own codes, with two letters first. */
const DENIED = '42501'

/** Opens a desk with every kind of row that the statements try to change. */
async function openDesk(): Promise<World> {
  const world = await openWorld()
  const { body: payment } = await world.api('POST', '/api/v1/payments', { amount: '1500.00', currency: 'KES' })
  await world.api('POST', `/api/v1/payments/${payment.id}/attempts`, { method: 'mpesa', phone: '254700000001' })
  await world.advance(3000)
  await world.api('PUT', '/api/v1/merchant/payout-destination', { kind: 'mpesa', phone: '254799777888' })
  await world.api('POST', `/api/v1/payments/${payment.id}/refunds`, { amount: '100.00' })
  await world.advance(3000)
  const { body } = await world.api('GET', `/api/v1/payments/${payment.id}`)
  assert.equal(body.status, 'paid')
  return world
}

/** Runs a statement as the program's role and rolls it back. Returns its SQLSTATE, or `done` when it was accepted until the end. */
async function tryStatement(db: Db, statement: string): Promise<string> {
  const rolledBack = new Error('rolled back')
  const trial = db.transaction(async (tx) => {
    await tx.run(rawSql('set local lock_timeout = 2000'))
    await tx.run(rawSql(statement))
    // Deferred checks run at the end of the transaction.
    await tx.run(rawSql('set constraints all immediate'))
    throw rolledBack
  })
  return trial.then(
    () => 'committed',
    (error: unknown) => (error === rolledBack ? 'done' : (sqlState(error) ?? String(error))),
  )
}

/** Statements that a running program has no need for, and the SQLSTATE that refuses each. */
const REFUSED: readonly (readonly [statement: string, refusal: string])[] = [
  ['update ledger.transfers set amount = 1', DENIED],
  ['delete from ledger.transfers', DENIED],
  ['truncate ledger.transfers', DENIED],
  ['update ledger.balances set posted = 1', DENIED],
  ['update payments.receipts set gross = 1', DENIED],
  ['delete from payments.receipts', DENIED],
  [`update identity.audit set detail = '{}'`, DENIED],
  ['delete from identity.audit', DENIED],
  ['truncate identity.audit', DENIED],
  [
    `insert into identity.audit (at, actor_type, actor_id, action, target, detail)
      values (now(), 'cli', 'root', 'identity.key-created', 'x', '{}')`,
    DENIED,
  ],
  [`update identity.keys set scopes = '{operations:write}'`, DENIED],
  [`update identity.keys set hash = 'x'`, DENIED],
  ['update identity.keys set revoked_at = null, expires_at = null', DENIED],
  [
    `insert into identity.operators (id, email, name, role, created_at) values ('opr_x', 'evil@x', 'Evil', 'owner', now())`,
    DENIED,
  ],
  [
    `insert into identity.keys select 'key_x', merchant_id, store_id, name, 'hash' || id, pepper_version, hint,
      array['operations:write'], livemode, now() from identity.keys limit 1`,
    DENIED,
  ],
  [`update payments.intents set status = 'paid'`, 'PU002'],
  ['update payments.intents set received = amount', 'PU002'],
  [`update payments.intents set status = 'paid', received = 0, version = version + 1`, 'PU002'],
  ['update payments.intents set received = received + 1, version = version + 1', 'PU002'],
  [`update payments.intents set account = 'merchant:evil'`, DENIED],
  [`update payments.refunds set phone = '254700000015', state = 'created'`, 'PU003'],
  ['update payments.attempts set amount = 1', 'PU001'],
  [`update platform.settings set sealed = 'x'`, DENIED],
  [
    `insert into platform.settings_history (version, name, sealed, set_at, actor_type, actor_id)
      values (999999, 'x', null, now(), 'cli', 'root')`,
    DENIED,
  ],
  [`insert into platform.state (key, value, set_at) values ('master-key:2', 'x', now())`, DENIED],
  [`update platform.state set value = 'live'`, DENIED],
  [`update identity.merchants set destination = 'x', destination_shown = '{}'`, DENIED],
  ['create table public.x (a int)', DENIED],
  ['create temp table x (a int)', DENIED],
  ['create extension pgcrypto', DENIED],
  [`copy (select 1) to program 'id'`, DENIED],
  [`select pg_read_file('/etc/passwd')`, DENIED],
  [`select lo_import('/etc/passwd')`, DENIED],
  ['set role postgres', '22023'],
  ['set role purser_owner', DENIED],
  ['set session authorization purser_owner', DENIED],
  ['alter role purser_app superuser', DENIED],
  ['select * from pg_authid', DENIED],
  ['select pg_terminate_backend(pid) from pg_stat_activity where usename <> current_user', DENIED],
  // The program posts by this function, so it may call it. Shards of zero and an asset without accounts are refused.
  [`select ledger.post_one(gen_random_uuid(), 1, 0, 2, 0, 5, 'x', 'x', 'x', now())`, '22012'],
  ['set session_replication_role = replica', DENIED],
  ['drop schema ledger cascade', DENIED],
  ['alter table identity.audit disable trigger only_grows', DENIED],
  [`select dblink('', '')`, '42883'],
  [`load 'x'`, DENIED],
  [`create function public.f() returns int language sql as 'select 1'`, DENIED],
  // More of the same kinds.
  [`select ledger.post_one(gen_random_uuid(), 1, 1, 2, 1, 5, 'x', 'x', 'x', now())`, 'LG001'],
  [`update payments.attempts set state = 'created'`, 'PU003'],
  [`update payments.attempts set reference = 'x'`, 'PU001'],
  [`update payments.refunds set phone = '254700000015'`, 'PU001'],
  [`update payments.refunds set state = 'claimable'`, 'PU003'],
  [`update payments.refunds set claim_hash = 'x'`, DENIED],
  ['update payments.attempts set tolerance = 100000000', 'PU001'],
  [`insert into payments.intents (id, status) values ('x', 'paid')`, DENIED],
  [`insert into payments.intents (id, received) values ('x', 1)`, DENIED],
  [`insert into payments.attempts (id, state) values ('x', 'settled')`, 'PU003'],
  [`insert into payments.refunds (id, origin, state) values ('x', 'merchant', 'succeeded')`, 'PU003'],
  [`select ledger.post_one(gen_random_uuid(), 1, 1, 2, 1, 'NaN', 'x', 'x', 'x', now())`, '23514'],
  [`select ledger.hold(gen_random_uuid(), 1, 'x', 'NaN', now(), now())`, '23514'],
  ['update payments.refunds set amount = 1', DENIED],
  ['update payments.receipt_states set counted = counted + 1', 'PU002'],
  ['update payments.intents set amount = 1', DENIED],
  [`update payments.intents set idempotency_key = id, request_hash = id`, 'PU001'],
  ['delete from payments.refunds', DENIED],
  ['delete from payments.attempts', DENIED],
  ['update ledger.holds set amount = 1', DENIED],
  ['insert into ledger.transfers overriding system value select * from ledger.transfers', DENIED],
  [`update inbox.events set raw = 'x'`, DENIED],
  [`update inbox.events set state = 'new'`, 'IN002'],
  ['delete from identity.keys', DENIED],
  [`update identity.operators set role = 'owner'`, DENIED],
  ['update identity.merchants set fee_bps = 0', DENIED],
  [
    `select identity.append_audit('{"actor_type": "operator", "actor_id": "root", "action": "a.b", "target": "x"}')`,
    'ID002',
  ],
  [`select identity.add_audit('{"actor_type": "cli", "actor_id": "root", "action": "a.b", "target": "x"}')`, DENIED],
  [
    `select identity.append_audit('{"actor_type": "cli", "actor_id": "root", "action": "identity.key-created", "target": "x"}')`,
    'ID003',
  ],
  [`select identity.append_audit('{"actor_type": "key", "actor_id": "", "action": "a.b", "target": "x"}')`, 'ID002'],
  [`select platform.write_setting(999999, 'x', 'y', now(), 'cli', 'root')`, 'PL001'],
  [`select platform.write_setting(version, 'x', 'y', now(), 'nobody', 'root') from platform.settings_version`, 'PL002'],
  ['update platform.settings_version set version = 1', DENIED],
  ['delete from platform.migrations', DENIED],
  ['alter table payments.intents disable trigger all', DENIED],
  ['create policy x on graphile_worker._private_jobs', DENIED],
]

/** Statements that an ordinary owner cannot take from a role. */
const ALLOWED = ['listen x', 'do $$ begin perform pg_sleep(0); end $$', 'select pg_sleep(0.01)']

void test('the role of the running program can do nothing that the program has no need for', async () => {
  await using world = await openDesk()
  const wrong: string[] = []
  for (const [statement, refusal] of REFUSED) {
    const result = await tryStatement(world.app.db, statement)
    if (result !== refusal) wrong.push(`${statement} → ${result}, not ${refusal}`)
  }
  assert.deepEqual(wrong, [])
  for (const statement of ALLOWED) assert.equal(await tryStatement(world.app.db, statement), 'done', statement)
})

/** Takes one guard away and tries what it refuses: a table that passes without its guards would prove nothing. */
const GUARDS: readonly (readonly [removal: string, statement: string])[] = [
  [
    'alter table payments.intents disable trigger intents_need_evidence',
    'update payments.intents set received = 1, version = version + 1',
  ],
  [
    'alter table payments.intents disable trigger intents_count_versions',
    `update payments.intents set status = 'paid', received = amount`,
  ],
  [
    'alter table payments.attempts disable trigger attempts_check_state',
    `update payments.attempts set state = 'created'`,
  ],
  ['alter table payments.attempts disable trigger attempts_keep_facts', 'update payments.attempts set amount = 1'],
  [
    'alter table payments.refunds disable trigger refunds_keep_destination',
    `update payments.refunds set phone = '254700000015'`,
  ],
  [
    'alter table payments.receipt_states disable trigger receipt_states_need_entry',
    'update payments.receipt_states set counted = counted + 1',
  ],
  ['grant update on identity.keys to purser_app', 'update identity.keys set revoked_at = null'],
  [
    'grant insert on platform.state to purser_app',
    `insert into platform.state (key, value, set_at) values ('x', 'x', now())`,
  ],
]

void test('without its guard each statement is accepted', async () => {
  await using world = await openDesk()
  for (const [removal, statement] of GUARDS) {
    assert.notEqual(await tryStatement(world.app.db, statement), 'done', statement)
    await world.database.owner.run(rawSql(removal))
    assert.equal(await tryStatement(world.app.db, statement), 'done', removal)
  }
})

void test('a change of rights leaves its trace in the same statement', async () => {
  await using world = await openDesk()
  const db = openDb({ connection: world.database.connection, max: 1 })
  const row = `'{"id": "opr_1", "email": "a@b.example", "name": "A", "role": "viewer", "created_at": "2026-01-01"}'`
  const audit = `'{"at": "2026-01-01", "actor_type": "system", "actor_id": "test", "action": "identity.operator-created", "target": "opr_1"}'`
  await db.run(rawSql(`select identity.create_operator(${row}, ${audit})`))
  const found = await db.many(rawSql(`select action, target from identity.audit where target = 'opr_1' limit 5`))
  assert.deepEqual(found, [{ action: 'identity.operator-created', target: 'opr_1' }])
  await assert.rejects(
    db.run(rawSql(`select identity.create_operator(${row.replace('opr_1', 'opr_2').replace('a@', 'c@')}, '{}')`)),
  )
  await db.close()
})
