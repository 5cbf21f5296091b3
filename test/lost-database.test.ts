import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rawSql, sql } from '#platform/database/db'
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { waitFor } from './wait.ts'
import { openWorld, type World } from './world.ts'

interface Lab extends AsyncDisposable {
  readonly world: World
  /** Stands between the program and PostgreSQL. */
  readonly proxy: TcpProxy
}

async function openLab(): Promise<Lab> {
  const stack = new AsyncDisposableStack()
  let proxy: TcpProxy | undefined
  stack.defer(() => proxy?.[Symbol.asyncDispose]())
  const route = async ({ host, ...rest }: { host?: string | undefined }) => {
    proxy = await openTcpProxy({ path: `${host ?? ''}/.s.PGSQL.5432` })
    return { ...rest, host: '127.0.0.1', port: proxy.port }
  }
  const world = stack.use(await openWorld({ route }))
  if (!proxy) throw new Error('the program has no proxy')
  return { world, proxy, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const order = { amount: '150.00', currency: 'KES', reference: 'order-1' }
const key = (name: string) => ({ 'idempotency-key': name })
const countIntents = async ({ database }: World): Promise<number> =>
  (await database.owner.one<{ n: number }>(sql`select count(*)::int as n from payments.intents`)).n
const isCommit = (text: string): boolean => text.includes('COMMIT')
/** Matches the answer to the only statement that creates a payment without an event. */
const isInsert = (text: string): boolean => text.includes('INSERT 0 1')

/** Registers an endpoint, so that the payment and its event are stored in one transaction. */
const subscribe = (world: World) =>
  world.api('POST', '/api/v1/webhook-endpoints', { url: 'http://127.0.0.1:9/hook', events: ['payment.*'] })

void test('a payment whose COMMIT got no answer is answered truthfully and exists once', async () => {
  await using lab = await openLab()
  const { world, proxy } = lab
  await subscribe(world)
  const withheld = proxy.freezeOn(isCommit)
  const created = world.api('POST', '/api/v1/payments', order, key('k1'))
  await withheld
  proxy.cut()
  const { status, body } = await created
  assert.equal(status, 201)
  const again = await world.api('POST', '/api/v1/payments', order, key('k1'))
  assert.deepEqual([again.status, again.body.id], [201, body.id])
  assert.equal(await countIntents(world), 1)
  await world.advance(1000)
  const events = sql`select count(*)::int as n from webhooks.events where type = 'payment.created'`
  assert.deepEqual(await world.database.owner.one(events), { n: 1 })
  assert.deepEqual(await world.broken(), [])
})

void test('a payment whose only statement got no answer is refused with 503 and exists once after the repeat', async () => {
  await using lab = await openLab()
  const { world, proxy } = lab
  // Other inserts of the first request must not spring the trap.
  await world.api('POST', '/api/v1/payments', order)
  const withheld = proxy.freezeOn(isInsert)
  const lost = world.api('POST', '/api/v1/payments', order, key('k1'))
  await withheld
  proxy.cut()
  const refused = await lost
  assert.deepEqual([refused.status, refused.body.error.code], [503, 'unavailable'])
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  assert.equal(await countIntents(world), 2)
  const again = await world.api('POST', '/api/v1/payments', order, key('k1'))
  assert.equal(again.status, 201)
  assert.equal(await countIntents(world), 2)
})

void test('a COMMIT that cannot be read back answers 503, and a repeat with the key acts once', async () => {
  await using lab = await openLab()
  const { world, proxy } = lab
  const store = { name: 'Branch' }
  const withheld = proxy.freezeOn(isCommit)
  const lost = world.api('POST', '/api/v1/stores', store, key('k1'))
  await withheld
  proxy.refuse()
  proxy.cut()
  const refused = await lost
  assert.deepEqual([refused.status, refused.body.error.code], [503, 'platform.commit-unknown'])
  assert.match(refused.body.error.message, /same Idempotency-Key/)
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  proxy.accept()
  const stores = sql`select count(*)::int as n from identity.stores where name = ${store.name}`
  assert.deepEqual(await world.database.owner.one(stores), { n: 1 })
  // The program could not free the key while the database was away. It does so with its next heartbeat.
  await world.jump(61_000)
  const again = await world.api('POST', '/api/v1/stores', store, key('k1'))
  assert.equal(again.status, 201, JSON.stringify(again.body))
  assert.deepEqual(await world.database.owner.one(stores), { n: 1 })
})

void test('a refund whose COMMIT got no answer is sent once', async () => {
  await using lab = await openLab()
  const { world, proxy } = lab
  const { body: payment } = await world.api('POST', '/api/v1/payments', order)
  const start = { method: 'mpesa', phone: '254700000001' }
  assert.equal((await world.api('POST', `/api/v1/payments/${payment.id}/attempts`, start)).status, 201)
  const path = `/api/v1/payments/${payment.id}`
  for (let s = 0; s < 60 && (await world.api('GET', path)).body.status !== 'paid'; s++) await world.advance(1000)
  assert.equal((await world.api('GET', path)).body.status, 'paid')
  const refund = { amount: '50.00' }
  // The first COMMIT stores the refund, the second claims it for sending.
  const withheld = proxy.freezeOn(isCommit)
  const lost = world.api('POST', `${path}/refunds`, refund, key('r1'))
  await withheld
  proxy.cut()
  const first = await lost
  assert.ok([201, 503].includes(first.status), String(first.status))
  const again = await world.api('POST', `${path}/refunds`, refund, key('r1'))
  assert.equal(again.status, 201)
  await world.advance(60_000)
  const { body: after } = await world.api('GET', path)
  assert.equal(after.amount_refunded, '50.00')
  assert.deepEqual(await world.broken(), [])
})

void test('a burst of requests waits when the server has no room for more connections', async () => {
  await using lab = await openLab()
  const { world } = lab
  const { database } = world.database.connection
  await world.database.owner.run(rawSql(`alter database ${database ?? ''} connection limit 3`))
  const burst = Array.from({ length: 60 }, (_, i) => world.api('POST', '/api/v1/payments', order, key(`b${i}`)))
  const statuses = (await Promise.all(burst)).map(({ status }) => status)
  assert.deepEqual(new Set(statuses), new Set([201]))
  assert.equal(await countIntents(world), 60)
})

void test('a full disk answers 503 and is recorded', async () => {
  await using lab = await openLab()
  const { world } = lab
  await world.database.owner.run(
    rawSql(`create function payments.fill() returns trigger language plpgsql as
        $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100'; end $$;
      create trigger fill before insert on payments.intents for each row execute function payments.fill()`),
  )
  const refused = await world.api('POST', '/api/v1/payments', order)
  assert.deepEqual([refused.status, refused.body.error.code], [503, 'unavailable'])
  assert.match(refused.body.error.message, /disk/)
  assert.ok(Number(refused.headers.get('retry-after')) > 0)
  assert.ok(world.app.db.recentDiskFull)
  assert.equal((await world.api('GET', '/api/v1/payments')).status, 200)
})

void test('a server that became a standby is left for the next primary', async () => {
  await using lab = await openLab()
  const { world } = lab
  const database = world.database.connection.database ?? ''
  const demote = (on: boolean) =>
    world.database.owner.run(
      rawSql(`alter database ${database} set default_transaction_read_only = ${on ? 'on' : 'off'}`),
    )
  await demote(true)
  const drop = sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${database} and usename = 'purser_app'`
  await world.database.owner.run(drop)
  const refusedOnce = await waitFor('a refused write', async () => {
    const answer = await world.api('POST', '/api/v1/payments', order)
    return answer.status === 503 && answer
  })
  assert.equal(refusedOnce.body.error.code, 'unavailable')
  await demote(false)
  await waitFor(
    'payments to work again',
    async () => (await world.api('POST', '/api/v1/payments', order)).status === 201,
  )
})
