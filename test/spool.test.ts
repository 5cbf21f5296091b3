import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openDb, rawSql, sql, type Db } from '#platform/database/db'
import { systemClock } from '#platform/base/clock'
import { sandboxCredentials } from '#sandbox'
import { openOwnPostgres, postgresMissing } from './debian-postgres.ts'
import { createFolder, notLinux, startPurser, type PurserProcess } from './process.ts'
import { openTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { waitFor } from './wait.ts'

const options = { skip: notLinux || postgresMissing, timeout: 120_000 }
/** Pays, but its callback is lost: this test sends it. */
const PHONE = '254700000005'

interface Desk extends AsyncDisposable {
  readonly db: Db
  readonly proxy: TcpProxy
  readonly folder: string
  start(): Promise<PurserProcess>
}

/** A database behind a proxy, and a Purser that reaches it only through the proxy. */
async function openDesk(t: TestContext): Promise<Desk> {
  const folder = createFolder(t)
  const stack = new AsyncDisposableStack()
  const postgres = stack.use(await openOwnPostgres())
  const { searchParams } = new URL(postgres.url)
  const proxy = stack.use(await openTcpProxy({ path: `${searchParams.get('host') ?? ''}/.s.PGSQL.5432` }))
  const db = openDb({ connection: { connectionString: postgres.url }, max: 2 })
  stack.defer(() => db.close())
  const env = { DATABASE_URL: `postgres://shop@127.0.0.1:${proxy.port}/purser`, PURSER_SANDBOX_KEY: 'sk_test_spool' }
  mkdirSync(join(folder, 'data'), { recursive: true, mode: 0o700 })
  const start = (): Promise<PurserProcess> => startPurser({ dataDir: join(folder, 'data'), env })
  return { db, proxy, folder: join(folder, 'data', 'spool'), start, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

interface Callback {
  readonly attemptId: string
  readonly path: string
  readonly body: string
}

/** Makes phones pay, and returns the callbacks that Safaricom lost. */
async function pay({ db }: Desk, { url, key }: PurserProcess, count: number): Promise<Callback[]> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const post = async (path: string, body: object): Promise<any> =>
    (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json()
  for (let i = 0; i < count; i++) {
    const { id } = await post('/api/v1/payments', { amount: '100.00', currency: 'KES' })
    await post(`/api/v1/payments/${id}/attempts`, { method: 'mpesa', phone: PHONE })
  }
  const rows = await waitFor('the phones to pay', async () => {
    const found = await db.many<{ url: string; body: string }>(sql`select callback_url as url,
        format('{"Body":{"stkCallback":{"MerchantRequestID":"%s","CheckoutRequestID":"%s","ResultCode":0,"ResultDesc":"paid",'
          '"CallbackMetadata":{"Item":[{"Name":"Amount","Value":%s.00},{"Name":"MpesaReceiptNumber","Value":"%s"},'
          '{"Name":"TransactionDate","Value":%s},{"Name":"PhoneNumber","Value":%s}]}}}}',
          merchant_request_id, id, paid_shillings, receipt_number,
          to_char(decided_at at time zone 'Africa/Nairobi', 'YYYYMMDDHH24MISS'), phone) as body
      from sandbox.prompts where result_code = '0'`)
    return found.length === count && found
  })
  return rows.map(({ url: callback, body }) => ({
    attemptId: /att_\w+/.exec(callback)?.[0] ?? assert.fail(callback),
    path: new URL(callback).pathname,
    body,
  }))
}

const send = (
  purser: PurserProcess,
  path: string,
  body: string,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(purser.url + path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } })

async function assertCountedOnce({ db }: Desk, callbacks: readonly Callback[], before: Date): Promise<void> {
  for (const { attemptId, body } of callbacks) {
    const events = await waitFor('the event to be handled', async () => {
      const rows = await db.many<{
        raw: Buffer
        state: string
        at: Date
      }>(sql`select raw, state::text, received_at as at
        from inbox.events where token_subject = ${attemptId} and raw = ${Buffer.from(body)} limit 10`)
      return rows.length > 0 && rows.every(({ state }) => state === 'done') && rows
    })
    assert.equal(events.length, 1)
    assert.ok((events[0]?.at ?? 0) < before, 'it keeps the time at which it arrived')
    const { count } = await db.one<{ count: number }>(
      sql`select count(*)::int as count from payments.receipts where attempt_id = ${attemptId}`,
    )
    assert.equal(count, 1)
  }
}

const filesOf = (folder: string): string[] => readdirSync(folder).map((name) => join(folder, name))

test('callbacks that arrive while the database is away are acknowledged, kept and counted once', options, async (t) => {
  await using desk = await openDesk(t)
  const purser = await desk.start()
  const callbacks = await pay(desk, purser, 4)
  const { proxy, folder } = desk
  proxy.refuse()
  proxy.cut()
  await waitFor('the outage', async () => (await fetch(`${purser.url}/health/ready`)).status === 503)
  for (const { path, body } of callbacks) {
    const answer = await send(purser, path, body)
    assert.deepEqual([answer.status, await answer.json()], [200, { ResultCode: 0, ResultDesc: 'Accepted' }])
  }
  await t.test('repeats are acknowledged, and forged ones are refused and not kept', async () => {
    const [first = assert.fail()] = callbacks
    assert.equal((await send(purser, first.path, first.body)).status, 200)
    assert.equal((await send(purser, `${first.path.slice(0, -4)}0000`, first.body)).status, 401)
    assert.equal((await send(purser, '/api/webhook/stripe', '{}')).status, 401)
    assert.equal((await send(purser, '/api/webhook/nothing', '{}')).status, 404)
  })
  await t.test('an event with a signature is kept too', async () => {
    const seconds = Math.floor(systemClock.now().getTime() / 1000)
    const body = JSON.stringify({
      id: 'evt_1',
      object: 'event',
      type: 'charge.other',
      livemode: false,
      created: seconds,
      data: { object: { id: 'x_1', object: 'x' } },
    })
    const secret = sandboxCredentials('')['STRIPE_WEBHOOK_SECRET'] ?? ''
    const signature = `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`
    assert.equal((await send(purser, '/api/webhook/stripe', body, { 'stripe-signature': signature })).status, 200)
  })
  await t.test('health and files: sealed, private, counted', async () => {
    const spool = await waitFor('the report', async () => {
      const detailed = (await (await fetch(`${purser.url}/health/detailed`)).json()) as any
      return detailed.checks.spool.status === 'degraded' && detailed.checks.spool
    })
    assert.equal(spool.detail.events, 5)
    assert.match(await (await fetch(`${purser.url}/metrics`)).text(), /^purser_payment_spooled_events 5$/m)
    assert.ok(filesOf(folder).length > 0)
    for (const path of filesOf(folder)) {
      assert.equal(statSync(path).mode & 0o777, 0o600)
      for (const text of [PHONE, 'stkCallback', ...callbacks.map(({ attemptId }) => attemptId)])
        assert.ok(!readFileSync(path).includes(text), text)
    }
  })
  const before = systemClock.now()
  proxy.accept()
  await assertCountedOnce(desk, callbacks, before)
  await waitFor('the files to be removed', () => filesOf(folder).length === 0)
  await waitFor('health', async () => (await fetch(`${purser.url}/health`)).status === 200)
})

test('spooled callbacks survive kill -9 and are counted once by the next start', options, async (t) => {
  await using desk = await openDesk(t)
  const first = await desk.start()
  const callbacks = await pay(desk, first, 3)
  desk.proxy.refuse()
  desk.proxy.cut()
  await Promise.all(callbacks.map(async ({ path, body }) => assert.equal((await send(first, path, body)).status, 200)))
  first.kill('SIGKILL')
  await first.exited
  assert.ok(filesOf(desk.folder).length > 0)
  desk.proxy.accept()
  const before = systemClock.now()
  await desk.start()
  await assertCountedOnce(desk, callbacks, before)
  await waitFor('the files to be removed', () => filesOf(desk.folder).length === 0)
})

test('callbacks that the database cannot store for any other reason that can pass are kept too', options, async (t) => {
  await using desk = await openDesk(t)
  const purser = await desk.start()
  const callbacks = await pay(desk, purser, 1)
  await desk.db.run(rawSql('alter table inbox.events rename to moved'))
  for (const { path, body } of callbacks) assert.equal((await send(purser, path, body)).status, 200)
  const before = systemClock.now()
  await desk.db.run(rawSql('alter table inbox.moved rename to events'))
  await assertCountedOnce(desk, callbacks, before)
  await waitFor('the files to be removed', () => filesOf(desk.folder).length === 0)
})

test('a database that does not answer counts as away: the provider gets its answer in time', options, async (t) => {
  await using desk = await openDesk(t)
  const purser = await desk.start()
  const callbacks = await pay(desk, purser, 2)
  desk.proxy.freeze()
  const answers = await Promise.all(
    callbacks.map(({ path, body }) =>
      fetch(purser.url + path, { method: 'POST', body, signal: AbortSignal.timeout(9_000) }),
    ),
  )
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200],
  )
  const before = systemClock.now()
  desk.proxy.thaw()
  await assertCountedOnce(desk, callbacks, before)
})

test(
  'while the database is frozen, callbacks beyond 16 MB of waiting inserts are spooled at once',
  options,
  async (t) => {
    await using desk = await openDesk(t)
    const purser = await desk.start()
    const [{ path, attemptId } = assert.fail()] = await pay(desk, purser, 1)
    desk.proxy.freeze()
    const count = 90
    let early = 0
    const answers = Array.from({ length: count }, async (_, i) => {
      const sentAt = performance.now()
      const { status } = await send(purser, path, JSON.stringify({ number: i, padding: 'x'.repeat(250_000) }))
      assert.equal(status, 200)
      // Without room in the queue, the event does not wait five seconds for its insert.
      if (performance.now() - sentAt < 4_500) early++
    })
    await Promise.all(answers)
    assert.ok(early >= 20 && early < 40, `${early} of ${count} were spooled at once`)
    desk.proxy.thaw()
    await waitFor('all events to be stored', async () => {
      const stored = await desk.db.one<{ count: number }>(
        sql`select count(*)::int as count from inbox.events where token_subject = ${attemptId}`,
      )
      return stored.count === count
    })
    await waitFor('the files to be removed', () => filesOf(desk.folder).length === 0)
  },
)
