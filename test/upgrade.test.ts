import assert from 'node:assert/strict'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { openDb, rawSql, sql, type Db } from '#platform/database/db'
import { migrate, migrateInBackground, type Schema } from '#platform/database/migrate'
import { findPostgres } from '#platform/database/postgres'
import { checkOut, findOldCommit, listSchemas } from './old-program.ts'
import { createFolder, notLinux, runPurser, startPurser, type PurserProcess } from './process.ts'
import { waitFor } from './wait.ts'

/** The program of an earlier commit runs on the schema of a newer version, and a migration lets a running program work. */

const old = findOldCommit()
const options = { skip: notLinux || ('missing' in old && old.missing), timeout: 240_000 }

async function call(server: PurserProcess, method: string, path: string, body?: object): Promise<any> {
  const answer = await fetch(`${server.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${server.key}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`)
  return answer.json()
}

/** Creates a payment, pays it with a simulated phone, and waits until the money is counted. */
async function settle(server: PurserProcess): Promise<void> {
  const { id } = await call(server, 'POST', '/payments', { amount: '100.00', currency: 'KES' })
  await call(server, 'POST', `/payments/${id}/attempts`, { method: 'mpesa', phone: '254700000001' })
  await waitFor('the payment to be paid', async () => (await call(server, 'GET', `/payments/${id}`)).status === 'paid')
}

async function stop(server: PurserProcess): Promise<void> {
  server.kill('SIGTERM')
  assert.equal((await server.exited).code, 0, server.output())
}

/** Connects to the embedded database as the owner. */
async function openOwner(dataDir: string): Promise<Db> {
  const server = await findPostgres(dataDir)
  assert.ok(server)
  return openDb({ connection: server.owner, max: 2 })
}

/** Copies the migrations of payments and adds those of a synthetic newer version. */
function createNewer(schemas: readonly Schema[], folder: string) {
  const path = join(folder, 'newer')
  const payments = schemas.find(({ name }) => name === 'payments')
  assert.ok(payments)
  cpSync(fileURLToPath(payments.folder), path, { recursive: true })
  const newer: Schema = { name: 'payments', folder: pathToFileURL(`${path}/`) }
  return {
    schemas: schemas.map((schema) => (schema === payments ? newer : schema)),
    add: (name: string, text: string) => writeFileSync(join(path, name), text),
  }
}

const EXPAND = `alter table payments.intents add column newer_note text;
create table payments.newer (id text primary key references payments.intents);`
const CONTRACT = `-- kind: contract
-- needs: 9002-marker
alter table payments.intents drop column newer_note;
alter table payments.intents rename column reference to order_number;`

const REFUSAL = /payments\/9003-contract\.sql, which removed what this version of Purser needs\./

void test(
  'the program of the last commit serves and restarts on an expanded schema, and refuses a contracted one',
  options,
  async (t) => {
    assert.ok('commit' in old)
    const folder = createFolder(t)
    const [checkout, dataDir] = [join(folder, 'old'), join(folder, 'data')]
    checkOut(old.commit, checkout)
    const program = { dataDir, checkout }
    const newer = createNewer(listSchemas(checkout), folder)
    let server = await startPurser(program)
    await settle(server)

    newer.add('9001-expand.sql', EXPAND)
    let owner = await openOwner(dataDir)
    assert.deepEqual(await migrate(owner, newer.schemas), ['payments/9001-expand.sql'])
    await settle(server)
    await owner.close()
    await stop(server)
    server = await startPurser(program)
    await settle(server)

    newer.add('9002-marker.sql', 'select 1;')
    newer.add('9003-contract.sql', CONTRACT)
    owner = await openOwner(dataDir)
    assert.deepEqual(await migrate(owner, newer.schemas), ['payments/9002-marker.sql'])
    const contract = () => migrateInBackground(owner, newer.schemas, { signal: new AbortController().signal })
    assert.match(
      (await contract()).waiting.join(),
      /9003-contract\.sql waits for instances whose code needs the old shape/,
    )
    await settle(server)
    // A process that is frozen for long counts as dead, so the schema goes on without it.
    server.kill('SIGSTOP')
    await owner.run(sql`delete from platform.instances`)
    assert.deepEqual((await contract()).applied, ['payments/9003-contract.sql'])
    await owner.close()
    server.kill('SIGCONT')
    assert.equal((await server.exited).code, 1, 'the program that wakes up ends')
    assert.match(server.output(), REFUSAL)
    const refused = await runPurser(['start'], program)
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, REFUSAL)
    assert.equal(refused.stderr.trim().split('\n').length, 1, refused.stderr)
  },
)

void test(
  'payments are created while a migration waits for a long reader',
  { skip: notLinux, timeout: 120_000 },
  async (t) => {
    const folder = createFolder(t)
    const dataDir = join(folder, 'data')
    const server = await startPurser({ dataDir })
    await using owner = Object.assign(await openOwner(dataDir), {
      [Symbol.asyncDispose]: async () => undefined,
    })
    const newer = createNewer(listSchemas(join(import.meta.dirname, '..')), folder)
    newer.add('9001-expand.sql', EXPAND)
    const reader = await owner.openSession()
    await reader.run(rawSql('begin; select count(*) from payments.intents'))
    const lines: string[] = []
    const lockTimeoutMs = 300
    const migrated = migrate(owner, newer.schemas, { lockTimeoutMs, log: (line) => void lines.push(line) })
    let slowestMs = 0
    await waitFor('the third try', async () => {
      const from = performance.now()
      await call(server, 'POST', '/payments', { amount: '100.00', currency: 'KES' })
      slowestMs = Math.max(slowestMs, performance.now() - from)
      return lines.length >= 3
    })
    assert.ok(slowestMs < lockTimeoutMs + 2_000, `a creation took ${slowestMs} ms`)
    assert.match(
      lines.join('\n'),
      /payments\/9001-expand\.sql did not get its lock.*Blocked by pid \d+, purser, idle in transaction/,
    )
    await reader.close()
    assert.deepEqual(await migrated, ['payments/9001-expand.sql'])
    await settle(server)
    await owner.close()
    await stop(server)
  },
)
