import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { openDb, sql, type Db } from '#platform/database/db'
import { findPostgres } from '#platform/database/postgres'
import { PHONES, REFUND, startLoad, type Load, type PaymentBody, type RefundBody, type Sale } from './load.ts'
import {
  createFolder,
  kill,
  notLinux,
  postmastersOf,
  processesIn,
  runPurser,
  startPurser,
  type PurserProcess,
} from './process.ts'
import { waitFor } from './wait.ts'

/** Takes about a minute on two idle cores. The machine may be busy. */
const options = { skip: notLinux, timeout: 240_000 }
/** Victims of SIGKILL, by round. */
const ROUNDS = ['program', 'both', 'program', 'database first', 'program', 'both'] as const
const ANSWERS_A_ROUND = 90
const CALLBACKS_A_ROUND = 8
/** Parallel lanes of load. A kill interrupts each lane once. */
const LANES = 6

void test(
  'no payment, callback, receipt or refund is lost or duplicated when the program is killed',
  options,
  async (t) => {
    const folder = createFolder(t)
    const dataDir = join(folder, 'data')
    const port = await freePort()
    let server = await startPurser({ dataDir, port })
    const watch = watchPostgres(dataDir)
    const load = startLoad(server)
    const acknowledged: Acknowledged[] = []
    for (const victim of ROUNDS) {
      const safaricom = await openSafaricom(dataDir, acknowledged)
      const [answers, callbacks] = [load.answers, acknowledged.length]
      await waitFor(
        'requests and callbacks to flow',
        async () => {
          await safaricom.repeatOne()
          return load.answers >= answers + ANSWERS_A_ROUND && acknowledged.length >= callbacks + CALLBACKS_A_ROUND
        },
        30_000,
      )
      const [postmaster = 0] = postmastersOf(dataDir)
      if (victim === 'database first') kill(postmaster, 'SIGKILL')
      load.pause()
      server.kill('SIGKILL')
      if (victim === 'both') kill(postmaster, 'SIGKILL')
      assert.equal((await server.exited).signal, 'SIGKILL', server.output())
      await safaricom.close()
      if (victim === 'program')
        assert.deepEqual(postmastersOf(dataDir), [postmaster], 'PostgreSQL keeps running after its program was killed')
      server = await startPurser({ dataDir, port })
      if (victim === 'program')
        assert.deepEqual(postmastersOf(dataDir), [postmaster], 'the new program uses the running PostgreSQL')
      load.resume(server)
    }
    await load.finish()
    assert.deepEqual(load.faults, [])
    assert.ok(load.repeats > 0, 'kills interrupted requests')
    const refunded = load.sales.filter(({ refund }) => refund).length
    assert.ok(refunded > 20, `only ${refunded} refunds were created`)
    t.diagnostic(
      `${load.sales.length} payments, ${refunded} refunds, ${acknowledged.length} callbacks, ${load.repeats} requests sent again`,
    )

    const db = await openData(dataDir)
    t.after(() => db.close())
    const lost = await assertSettled(load, db)
    await assertRefunds(load, db)
    await assertMoney(load, db, lost)
    await assertCallbacks(acknowledged, db)

    const checked = await runPurser(['check'], { dataDir })
    assert.equal(checked.code, 0, checked.stdout + checked.stderr)
    const verified = await runPurser(['ledger', 'verify'], { dataDir })
    assert.equal(verified.code, 0, verified.stdout)
    const { stdout: trial } = await runPurser(['ledger', 'trial-balance'], { dataDir })
    assert.match(trial, /KES\/2 +0\.00/)
    server.kill('SIGTERM')
    assert.deepEqual(await server.exited, { code: 0, signal: null })
    assert.equal(watch.stop(), 1, 'at most one PostgreSQL server per data folder')
    assert.deepEqual(processesIn(folder), [])
  },
)

void test('SIGTERM under load loses no request', options, async (t) => {
  const folder = createFolder(t)
  const server = await startPurser({ dataDir: join(folder, 'data') })
  const lanes = Array.from({ length: 12 }, (_, index) => drive(server, index))
  await waitFor('requests to flow', () => lanes.every(({ ids }) => ids.length >= 10))
  server.kill('SIGTERM')
  for (const { ended } of lanes) assert.equal(await ended, 'ECONNREFUSED')
  assert.deepEqual(await server.exited, { code: 0, signal: null })
  assert.deepEqual(processesIn(folder), [])
  const again = await startPurser({ dataDir: join(folder, 'data') })
  const db = await openData(again.dataDir)
  t.after(() => db.close())
  const kept = await db.many<{ id: string }>(sql`select id from payments.intents`)
  const answered = lanes.flatMap(({ ids }) => ids)
  assert.deepEqual(new Set(kept.map(({ id }) => id)), new Set(answered), 'exactly the acknowledged payments are stored')
  again.kill('SIGTERM')
  await again.exited
})

/** Creates payments over one connection until the server stops. `ended` resolves to the reason of the last failure. */
function drive({ url, key }: PurserProcess, index: number): { ids: string[]; ended: Promise<string> } {
  const ids: string[] = []
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const create = (n: number): Promise<string> =>
    new Promise((done, fail) => {
      const headers = {
        ...{ authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        'idempotency-key': `lane-${index}-${n}`,
      }
      const sent = request(`${url}/api/v1/payments`, { method: 'POST', agent, headers }, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
        answer.on('error', fail)
        answer.on('end', () => {
          if (answer.statusCode === 201) done((JSON.parse(text) as PaymentBody).id)
          else fail(new Error(`answered ${answer.statusCode ?? 0}: ${text}`))
        })
      })
      sent.on('error', fail)
      sent.end('{"amount":"10.00","currency":"KES"}')
    })
  const run = async (): Promise<string> => {
    for (let n = 0; ; n++) {
      try {
        ids.push(await create(n))
      } catch (error) {
        agent.destroy()
        // ECONNREFUSED means not sent; an interrupted request is ECONNRESET.
        return (error as NodeJS.ErrnoException).code ?? String(error)
      }
    }
  }
  return { ids, ended: run() }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}

/** Samples running PostgreSQL servers every 100 ms. stop() returns the maximum seen at once. */
function watchPostgres(dataDir: string): { stop(): number } {
  let most = 0
  let last: number[] = []
  const timer = setInterval(() => {
    const now = postmastersOf(dataDir)
    // Count a process only when seen twice, because an ending process is still listed for a moment.
    most = Math.max(most, now.filter((pid) => last.includes(pid)).length)
    last = now
  }, 100)
  timer.unref()
  return {
    stop: () => {
      clearInterval(timer)
      return most
    },
  }
}

async function openData(dataDir: string): Promise<Db> {
  const { app } = (await findPostgres(dataDir)) ?? assert.fail('no PostgreSQL runs')
  return openDb({ connection: app, max: 2, applicationName: 'kill test', onError: () => undefined })
}

/** A callback that Purser acknowledged. */
interface Acknowledged {
  readonly attemptId: string
  readonly body: string
}

interface Prompt {
  readonly url: string
  readonly body: string
}

/** Repeats callbacks of completed payments, each with changed text, and records which ones were acknowledged. */
async function openSafaricom(dataDir: string, acknowledged: Acknowledged[]) {
  const db = await openData(dataDir)
  const repeatOne = async (): Promise<void> => {
    try {
      const prompt = await db.maybe<Prompt>(sql`select callback_url as url,
          format('{"Body":{"stkCallback":{"MerchantRequestID":"%s","CheckoutRequestID":"%s","ResultCode":0,"ResultDesc":"repeated",'
            '"CallbackMetadata":{"Item":[{"Name":"Amount","Value":%s.00},{"Name":"MpesaReceiptNumber","Value":"%s"},'
            '{"Name":"Balance","Value":%s},{"Name":"TransactionDate","Value":%s},{"Name":"PhoneNumber","Value":%s}]}}}}',
            merchant_request_id, id, paid_shillings, receipt_number, ${String(acknowledged.length)}::text,
            to_char(decided_at at time zone 'Africa/Nairobi', 'YYYYMMDDHH24MISS'), phone) as body
        from sandbox.prompts where result_code = '0' and phone <> '254700000005' order by random() limit 1`)
      if (!prompt) return
      const answer = await fetch(prompt.url, {
        method: 'POST',
        body: prompt.body,
        headers: { 'content-type': 'application/json' },
        signal: AbortSignal.timeout(5_000),
      })
      await answer.text()
      if (answer.status === 200) acknowledged.push({ attemptId: attemptOf(prompt.url), body: prompt.body })
    } catch {
      // Do not retry: Safaricom does not retry either.
    }
  }
  return { repeatOne, close: () => db.close() }
}

const attemptOf = (callbackUrl: string): string => /att_\w+/.exec(callbackUrl)?.[0] ?? assert.fail(callbackUrl)

/** Checks that every acknowledged payment is stored and ends as its phone dictates. @returns attempts whose outcome cannot be known */
async function assertSettled(load: Load, db: Db): Promise<ReadonlySet<string>> {
  const open = new Set(load.sales)
  let lost = new Set<string>()
  const allEnded = async (): Promise<boolean> => {
    lost = await listLost(db)
    for (const sale of open) {
      const { status, body } = await load.get(`/api/v1/payments/${sale.created?.id ?? ''}`)
      assert.equal(status, 200)
      for (const name of ['id', 'amount', 'reference', 'created_at', 'checkout_url'] as const)
        assert.equal((body as PaymentBody)[name], sale.created?.[name])
      if (hasEnded(sale, body as PaymentBody) || lost.has(sale.attemptId ?? '')) open.delete(sale)
    }
    return open.size === 0
  }
  await waitFor('every payment to end', allEnded, 60_000).catch(async (error: unknown) => {
    const left = await Promise.all([...open].map(({ created }) => load.get(`/api/v1/payments/${created?.id ?? ''}`)))
    assert.fail(`${String(error)}: ${JSON.stringify(left.map(({ body }) => body as unknown))}`)
  })
  assert.ok(lost.size <= ROUNDS.length * LANES)
  return lost
}

function hasEnded(
  sale: Sale,
  { status, amount_received: received, amount_refunded: gone, attempts }: PaymentBody,
): boolean {
  const { plan, shillings } = sale
  if (plan === 'cancel') return status === 'canceled'
  const phone = plan === 'card' ? PHONES['254700000001'] : PHONES[plan]
  const [attempt] = attempts
  const back = gone === `${REFUND}.00` ? REFUND : 0
  const due = phone.reason === null ? shillings - phone.short - back : 0
  return (
    attempts.length === 1 &&
    status === phone.status &&
    received === `${due}.00` &&
    attempt?.reason === phone.reason &&
    attempt.status === (phone.reason === null ? 'settled' : 'failed')
  )
}

/**
 * Lists attempts that a kill interrupted at the provider before its id was stored, and that got no callback. Nothing can resolve these.
 * They wait for a late callback and count no money. Call it after all callbacks were sent.
 */
async function listLost(db: Db): Promise<Set<string>> {
  const rows = await db.many<{ id: string }>(sql`select id from payments.attempts a
    where state in ('unknown', 'abandoned') and reference is null
      and not exists (select from inbox.events i where i.token_subject = a.id)
      and not exists (select from sandbox.timers where kind in ('prompt', 'callback'))`)
  return new Set(rows.map(({ id }) => id))
}

/** Checks that each acknowledged refund exists once and was sent at most once, exactly when it succeeded. */
async function assertRefunds(load: Load, db: Db): Promise<void> {
  const acknowledged: RefundBody[] = []
  const refresh = async (): Promise<number> => {
    acknowledged.length = 0
    for (const { refund } of load.sales)
      if (refund) acknowledged.push((await load.get(`/api/v1/refunds/${refund.id}`)).body as RefundBody)
    return acknowledged.filter(({ status }) => status === 'pending').length
  }
  // When kills interrupted a refund's responses repeatedly, its next poll is minutes away.
  await waitFor('refunds to end', async () => (await refresh()) <= ROUNDS.length, 60_000)
  const kept = await db.many<{ id: string }>(sql`select id from payments.refunds`)
  assert.deepEqual(new Set(kept.map(({ id }) => id)), new Set(acknowledged.map(({ id }) => id)))
  const sent = await db.many<{ id: string; cents: bigint; arrived: boolean }>(
    sql`select regexp_replace(id, '-\\d+$', '') as id, shillings::numeric * 100 as cents, result_code = '0' as arrived from sandbox.payouts
      union all select body->'metadata'->>'purser_refund', (body->>'amount')::numeric, body->>'status' = 'succeeded'
        from sandbox.stripe_objects where body->>'object' = 'refund'`,
  )
  assert.equal(new Set(sent.map(({ id }) => id)).size, sent.length, 'no refund was sent twice')
  const went = sent.filter(({ arrived }) => arrived)
  assert.ok(went.every(({ cents }) => cents === BigInt(REFUND * 100)))
  const hasGone = new Set(went.map(({ id }) => id))
  for (const { id, status } of acknowledged)
    if (status !== 'pending') assert.equal(hasGone.has(id), status === 'succeeded')
}

/** Checks that the money paid by the phones equals the receipts, one by one, and the merchant's balance. */
async function assertMoney(load: Load, db: Db, lost: ReadonlySet<string>): Promise<void> {
  const prompts = await db.many<{ id: string; url: string; cents: bigint | null }>(
    sql`select id, callback_url as url, paid_shillings::numeric * 100 as cents from sandbox.prompts
      union all select body->>'id', body->'metadata'->>'purser_attempt', (body->>'amount')::numeric
        from sandbox.stripe_objects where body->>'object' = 'charge'`,
  )
  assert.equal(new Set(prompts.map(({ url }) => url)).size, prompts.length, 'no attempt was sent to its phone twice')
  const receipts = await db.many<{ id: string; attempt: string; cents: bigint }>(
    sql`select provider_id as id, attempt_id as attempt, s.counted as cents
      from payments.receipts r join payments.receipt_states s on s.receipt_id = r.id`,
  )
  assert.equal(new Set(receipts.map(({ attempt }) => attempt)).size, receipts.length, 'one receipt per attempt')
  const counted = new Set(receipts.map(({ attempt }) => attempt))
  const isReported = (url: string): boolean => !lost.has(attemptOf(url)) || counted.has(attemptOf(url))
  const paid = prompts.filter(({ url, cents }) => cents !== null && isReported(url))
  const shown = (rows: readonly { id: string; cents: bigint | null }[]): string[] =>
    rows.map(({ id, cents }) => `${id} ${cents ?? 0n}`).toSorted()
  assert.deepEqual(shown(receipts), shown(paid))
  const { back } = await db.one<{ back: bigint }>(
    sql`select coalesce(sum(amount), 0) as back from payments.refunds where state <> 'failed'`,
  )
  const total = receipts.reduce((sum, { cents }) => sum + cents, 0n) - back
  const { body } = await load.get('/api/v1/balance')
  const { balances } = body as { balances: object[] }
  assert.deepEqual(balances, [{ currency: 'KES', available: `${total / 100n}.00`, pending: '0.00', debt: '0.00' }])
}

async function assertCallbacks(acknowledged: readonly Acknowledged[], db: Db): Promise<void> {
  const count = async (): Promise<number> =>
    (await db.one<{ count: number }>(sql`select count(*)::int from inbox.events where state = 'new'`)).count
  await waitFor('all callbacks to be handled', async () => (await count()) === 0)
  const stored = await db.many<{ key: string }>(sql`select event_key as key from inbox.events where rail = 'mpesa'`)
  const keys = new Set(stored.map(({ key }) => key))
  const missing = acknowledged.filter(({ attemptId, body }) => !keys.has(keyOf(attemptId, body)))
  assert.deepEqual(missing, [])
}

const keyOf = (attemptId: string, body: string): string =>
  createHash('sha256').update(`${attemptId}\n${body}`).digest('hex')
