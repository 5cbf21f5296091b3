import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import { describe, test } from 'node:test'
import { sql } from '#platform/database/db'
import type { Answer } from './cluster/client.ts'
import { notLinux } from './process.ts'
import { openReceiver } from './receiver.ts'
import {
  createPaid,
  createPayment,
  openSite,
  PAYOUT,
  PAYOUT_QUERY,
  PUSH,
  PUSH_QUERY,
  stopUntilRemoved,
  TAKEN_UP_MS,
  waitForStatus,
  type Held,
  type Instance,
  type Site,
} from './takeover.ts'
import type { TcpProxy } from './tcp-proxy.ts'
import { waitFor } from './wait.ts'

// Two processes share a database. One is killed or stopped (SIGSTOP) at an exact moment, and the other takes its rows over.

const TEST_LIMIT_MS = 120_000

/** Phones of the simulated provider. */
const PAYS = '254700000001'
const PAYS_WITHOUT_CALLBACK = '254700000005'
const PAYOUT_WITHOUT_RESULT = '254700000013'
const WAITS = '254711000000'
/** Answer of a provider that did nothing. */
const REFUSAL = { status: 400, body: { requestId: '1', errorCode: '400.002.02', errorMessage: 'Bad Request' } }

interface Row {
  readonly state: string
  readonly reference: string | null
  readonly checks: number
}

const attemptOf = async ({ db }: Site, payment: string): Promise<Row & { id: string }> =>
  db.one(sql`select id, state, reference, checks from payments.attempts where intent_id = ${payment}`)

const refundOf = async ({ db }: Site, payment: string): Promise<Row & { id: string }> =>
  db.one(sql`select id, state, reference, checks from payments.refunds where intent_id = ${payment}`)

const startAttempt = (instance: Instance, payment: string, phone: string): Promise<Answer> =>
  instance.call('POST', `/api/v1/payments/${payment}/attempts`, { method: 'mpesa', phone })

const refund = (instance: Instance, payment: string): Promise<Answer> =>
  instance.call('POST', `/api/v1/payments/${payment}/refunds`, { amount: '40.00' })

/** Matches the answer to the statement that commits an attempt as `submitting`. It is its own transaction. */
const isSubmitted = (answer: string): boolean => answer.includes('submitting') && answer.includes('UPDATE 1')

/** Matches the answer to the COMMIT of the transaction that makes a refund `submitting`. */
function isSubmissionCommitted(): Parameters<TcpProxy['freezeOn']>[0] {
  let submitting: number | undefined
  return (answer, { connection }) => {
    if (isSubmitted(answer)) submitting = connection
    return connection === submitting && answer.includes('COMMIT')
  }
}

/** Sends a request whose provider answers, and holds the answer back. */
async function holdAnswer(
  { provider }: Instance,
  path: string,
  send: () => Promise<Answer>,
): Promise<{ provider: Held; answer: Promise<Answer> }> {
  const held = provider.hold(path)
  const answer = send()
  await held.answered
  return { provider: held, answer }
}

void describe('takeover', { concurrency: true, skip: notLinux, timeout: TEST_LIMIT_MS }, () => {
  void test(
    'a process frozen between the commit of a submission and its call never calls',
    { timeout: TEST_LIMIT_MS },
    async (t) => {
      await using site = await openSite(t, 'live')
      const { first } = site
      const second = await site.startSecond()
      const [payment, refunded] = await Promise.all([createPayment(first), createPaid(first, PAYS)])

      const submitted = first.database.freezeOn(isSubmitted)
      const started = startAttempt(first, payment, PAYS)
      await submitted
      const committed = first.database.freezeOn(isSubmissionCommitted())
      const refunding = refund(first, refunded)
      await committed
      assert.deepEqual(
        [(await attemptOf(site, payment)).state, (await refundOf(site, refunded)).state],
        ['submitting', 'submitting'],
      )
      const pushes = first.provider.count(PUSH)
      await stopUntilRemoved(site, first)

      const { id: attemptId } = await attemptOf(site, payment)
      const { id: refundId } = await refundOf(site, refunded)
      await waitFor('the attempt to be asked about', async () => {
        const { state, checks } = await attemptOf(site, payment)
        return state === 'unknown' && checks > 0
      })
      await waitFor('the refund to be asked about', async () => {
        const { state } = await refundOf(site, refunded)
        return state !== 'submitting' && second.provider.count(PAYOUT_QUERY, refundId) > 0
      })

      first.signal('SIGCONT')
      const [attempt, payout] = await Promise.all([started, refunding])
      assert.deepEqual(
        [first.provider.count(PUSH) - pushes, first.provider.count(PAYOUT)],
        [0, 0],
        'the frozen process sent nothing',
      )
      assert.deepEqual(
        [second.provider.count(PUSH, attemptId), second.provider.count(PAYOUT)],
        [0, 0],
        'neither did the other',
      )
      assert.deepEqual([attempt.status, attempt.body.status], [201, 'unknown'])
      assert.deepEqual([payout.status, payout.body.status], [201, 'pending'])
      assert.equal((await attemptOf(site, payment)).state, 'unknown')
      assert.ok(['unknown', 'pending'].includes((await refundOf(site, refunded)).state))
    },
  )
  void test(
    'an answer that reaches a process after it lost its claim is recorded and judged',
    { timeout: TEST_LIMIT_MS },
    async (t) => {
      await using site = await openSite(t, 'live')
      const { first } = site
      const second = await site.startSecond()
      const [known, refused, settled, ...refunded] = await Promise.all([
        createPayment(first),
        createPayment(first),
        createPayment(first),
        createPaid(first, PAYOUT_WITHOUT_RESULT),
        createPaid(first, PAYOUT_WITHOUT_RESULT),
      ])
      const allowQueries = second.provider.refuse(PAYOUT_QUERY)
      const push = (payment: string, phone: string) =>
        holdAnswer(first, PUSH, () => startAttempt(first, payment, phone))
      const pay = (payment: string) => holdAnswer(first, PAYOUT, () => refund(first, payment))
      const [knownPush, refusedPush, settledPush] = [
        await push(known, PAYS_WITHOUT_CALLBACK),
        await push(refused, WAITS),
        await push(settled, PAYS),
      ]
      const [sentPayout, refusedPayout] = [await pay(refunded[0]), await pay(refunded[1])]
      await stopUntilRemoved(site, first)
      for (const payment of [known, refused])
        await waitFor('the attempt to be asked about', async () => {
          const { state, checks } = await attemptOf(site, payment)
          return state === 'unknown' && checks > 0
        })
      for (const payment of refunded)
        await waitFor('the refund to be asked about', async () => {
          const { id, state } = await refundOf(site, payment)
          return state === 'unknown' && second.provider.count(PAYOUT_QUERY, id) > 0
        })
      await waitForStatus(second, `/api/v1/payments/${settled}`, 'paid')

      first.signal('SIGCONT')
      for (const { provider } of [knownPush, settledPush, sentPayout]) provider.release()
      refusedPush.provider.release(REFUSAL)
      const statusOf = async ({ answer }: { answer: Promise<Answer> }): Promise<unknown> => (await answer).body.status
      assert.equal(await statusOf(knownPush), 'pending')
      const { reference } = await attemptOf(site, known)
      assert.deepEqual(
        await site.providers.many(sql`select id from sandbox.prompts where phone = ${PAYS_WITHOUT_CALLBACK}`),
        [{ id: reference }],
        'the reference of the late answer is kept',
      )
      assert.equal(await statusOf(settledPush), 'settled')
      assert.equal(await statusOf(refusedPush), 'unknown', 'a late refusal decides nothing')
      assert.equal(await statusOf(sentPayout), 'pending')
      assert.equal((await refundOf(site, refunded[0])).state, 'pending', 'the late answer to a payout is recorded')
      allowQueries()
      refusedPayout.provider.release(REFUSAL)
      assert.equal(await statusOf(refusedPayout), 'pending', 'a late refusal of a payout decides nothing')

      await waitForStatus(second, `/api/v1/payments/${known}`, 'paid')
      for (const payment of refunded)
        await waitForStatus(second, `/api/v1/refunds/${(await refundOf(site, payment)).id}`, 'succeeded')
      await requireOneSending(site, second, { attempts: 5, payouts: 2, received: '320.00' })
      assert.deepEqual([second.provider.count(PUSH), second.provider.count(PAYOUT)], [0, 0])
    },
  )

  void test(
    'the rows and the idempotency keys of a killed process are taken up within 15 s',
    { timeout: TEST_LIMIT_MS },
    async (t) => {
      await using site = await openSite(t, 'live')
      const { first, db } = site
      const [polled, asked, refunded] = await Promise.all([
        createPayment(first),
        createPayment(first),
        createPaid(first, PAYS),
      ])
      const query = first.provider.hold(PUSH_QUERY)
      await startAttempt(first, polled, PAYS_WITHOUT_CALLBACK)
      await query.answered
      const requests = [
        ['/api/v1/payments', { amount: '100.00', currency: 'KES', reference: 'killed' }],
        [`/api/v1/payments/${asked}/attempts`, { method: 'mpesa', phone: WAITS }],
        [`/api/v1/payments/${refunded}/refunds`, { amount: '40.00' }],
      ] as const
      const send = (instance: Instance, [path, body]: (typeof requests)[number]): Promise<Answer> =>
        instance.call('POST', path, body, `key of ${path}`)
      const created = first.database.freezeOn(
        (answer, { request }) => answer.includes('INSERT 0 1') && request.includes('killed'),
      )
      const unanswered = [send(first, requests[0])]
      await created
      await waitFor('the payment to be stored', () =>
        db.maybe(sql`select id from payments.intents where reference = 'killed'`),
      )
      for (const [i, path] of [
        [1, PUSH],
        [2, PAYOUT],
      ] as const)
        unanswered.push((await holdAnswer(first, path, () => send(first, requests[i]))).answer)
      const second = await site.startSecond()
      const held = await db.many(sql`select intent_id from payments.attempts where claimed_by = ${first.id}
      union all select intent_id from payments.refunds where claimed_by = ${first.id}`)
      assert.equal(held.length, 3, 'the process holds two attempts and a refund')

      const sinceMs = performance.now()
      first.signal('SIGKILL')
      assert.deepEqual(
        (await Promise.all(unanswered)).map(({ status }) => status),
        [0, 0, 0],
      )
      const repeat = (request: (typeof requests)[number]): Promise<Answer> =>
        waitFor(
          `an answer of ${request[0]}`,
          async () => {
            const answer = await send(second, request)
            return answer.code !== 'idempotency-in-progress' && answer
          },
          TAKEN_UP_MS,
        )
      const isTakenUp = async (): Promise<boolean> =>
        second.provider.count(PUSH_QUERY) > 0 &&
        (await attemptOf(site, asked)).state === 'unknown' &&
        (await refundOf(site, refunded)).state !== 'submitting'
      const [answers] = await Promise.all([
        Promise.all(requests.map(repeat)),
        waitFor('the rows to be taken up', isTakenUp, TAKEN_UP_MS),
      ])
      const takenMs = performance.now() - sinceMs
      t.diagnostic(`taken up after ${(takenMs / 1000).toFixed(1)} s`)
      assert.ok(takenMs <= TAKEN_UP_MS)
      assert.deepEqual(
        answers.map(({ status, body }) => [status, body.id]),
        [
          [201, (await db.one<{ id: string }>(sql`select id from payments.intents where reference = 'killed'`)).id],
          [201, (await attemptOf(site, asked)).id],
          [201, (await refundOf(site, refunded)).id],
        ],
      )
      await waitForStatus(second, `/api/v1/payments/${polled}`, 'paid')
      await waitForStatus(second, `/api/v1/refunds/${(await refundOf(site, refunded)).id}`, 'succeeded')
      await requireOneSending(site, second, { attempts: 3, payouts: 1, received: '160.00' })
      assert.deepEqual([second.provider.count(PUSH), second.provider.count(PAYOUT)], [0, 0])
    },
  )

  void test(
    'a frozen webhook sender and a frozen cron change nothing after another process took over',
    { timeout: TEST_LIMIT_MS },
    async (t) => {
      await using receiver = await openReceiver()
      await using site = await openSite(t, 'sandbox')
      const { first } = site
      await first.call('POST', '/api/v1/webhook-endpoints', { url: receiver.url })
      const unanswered: ServerResponse[] = []
      receiver.answers((_, response) => unanswered.push(response))
      const sent = await createPayment(first)
      await waitFor('the first delivery', () => unanswered.length === 1)
      receiver.answers(({ event }, response) => {
        if (event.data.object.id === sent) unanswered.push(response)
        else response.end()
      })
      const claimed = first.database.freezeOn(
        (answer) => answer.includes('UPDATE 1') && answer.includes('payment.created'),
      )
      const unsent = await createPayment(first)
      await claimed
      const runs = await first.countRuns(CRON)
      await first.database.freezeOn(isCronClaimed)
      const old = await cronOf(site)
      assert.equal(old.holder, first.id)
      first.signal('SIGSTOP')
      first.database.thaw()

      const second = await site.startSecond()
      await second.database.freezeOn(isCronClaimed)
      const held = await cronOf(site)
      assert.deepEqual([held.holder, held.claim > old.claim], [second.id, true])
      await waitFor('the second delivery', () => unanswered.length === 2)

      first.signal('SIGCONT')
      unanswered[0]?.writeHead(500).end()
      await waitFor('the late result', async () => (await deliveryOf(site, sent)).attempts === 1)
      const { attempts: _, ...late } = await deliveryOf(site, sent)
      const undecided = { holder: second.id, state: 'pending', failures: 0, failing: false }
      assert.deepEqual(late, undecided, 'the late failure decides nothing')
      unanswered[1]?.end()
      await waitFor('the late run', async () => (await first.countRuns(CRON)) > runs)
      await waitForHeartbeats(site, first)
      assert.deepEqual(await cronOf(site), held, 'the late run ended no other claim')
      second.database.thaw()
      await waitFor('the cron to end', async () => (await cronOf(site)).finishedAt > held.finishedAt)
      assert.ok((await second.countRuns(CRON)) > 0)
      for (const payment of [sent, unsent]) {
        const delivery = await deliveryOf(site, payment)
        assert.deepEqual([delivery.state, delivery.failures, delivery.failing], ['succeeded', 0, false])
      }
      assert.deepEqual([receiver.types(sent).length, receiver.types(unsent).length], [2, 1])
    },
  )
})

/** Checks that the provider got each attempt and each refund once, and that the money was counted once. */
async function requireOneSending(
  { db, providers, run }: Site,
  instance: Instance,
  expected: { attempts: number; payouts: number; received: string },
): Promise<void> {
  const attempts = await db.many<{ id: string }>(sql`select id from payments.attempts`)
  const refunds = await db.many<{ id: string }>(sql`select id from payments.refunds`)
  assert.deepEqual([attempts.length, refunds.length], [expected.attempts, expected.payouts])
  const prompts = await providers.many<{ url: string }>(sql`select callback_url as url from sandbox.prompts`)
  const sent = prompts.map(({ url }) => /att_[a-z0-9]+/.exec(url)?.[0] ?? url)
  assert.deepEqual(sent.toSorted(), attempts.map(({ id }) => id).toSorted())
  const payouts = await providers.many<{ id: string }>(sql`select id from sandbox.payouts`)
  assert.deepEqual(payouts.map(({ id }) => id).toSorted(), refunds.map(({ id }) => `${id}-1`).toSorted())
  const { body } = await instance.call('GET', '/api/v1/balance')
  assert.deepEqual(body.balances, [{ currency: 'KES', available: expected.received, pending: '0.00', debt: '0.00' }])
  await run('check')
}

/** A cron that is due each second. */
const CRON = 'payments.expire-intents'

/** Matches the answer to the claim of the cron. */
const isCronClaimed: Parameters<TcpProxy['freezeOn']>[0] = (answer, { request }) =>
  answer.includes('INSERT 0 1') && request.includes(CRON)

const cronOf = ({ db }: Site): Promise<{ holder: string | null; claim: bigint; finishedAt: Date }> =>
  db.one(sql`select claimed_by as holder, claim, finished_at as "finishedAt" from platform.crons where name = ${CRON}`)

interface Delivery {
  readonly state: string
  readonly holder: string | null
  readonly failures: number
  /** Whether its endpoint is failing. */
  readonly failing: boolean
  readonly attempts: number
}

const deliveryOf = ({ db }: Site, payment: string): Promise<Delivery> =>
  db.one(sql`select d.state, d.claimed_by as holder, d.failures, e.failing_since is not null as failing,
      (select count(*)::int from webhooks.attempts a where a.delivery_id = d.id) as attempts
    from webhooks.deliveries d join webhooks.endpoints e on e.id = d.endpoint_id where d.object_id = ${payment}`)

/** Waits until an instance has sent two more heartbeats, so that what it began before is done. */
async function waitForHeartbeats({ db }: Site, { id }: Instance): Promise<void> {
  for (let after = new Date(0), i = 0; i < 3; i++)
    after = await waitFor('a heartbeat', async () => {
      const found = await db.maybe<{ at: Date }>(sql`select beat_at as at from platform.instances where id = ${id}`)
      return found && found.at > after && found.at
    })
}
