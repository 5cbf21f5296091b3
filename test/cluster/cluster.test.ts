import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { waitFor, letTimePass } from '../wait.ts'
import { openCluster, type Cluster } from './cluster.ts'
import { createFigures, seconds, summarizeFailures } from './figures.ts'
import { FORM } from './form.ts'
import { startLoad, type Load, type LoadFigures, type LoadOptions, type Sale } from './load.ts'
import { clusterMissing } from './programs.ts'
import { countUnfinished, holdEvents } from './held.ts'
import { measureRecovery } from './recovery.ts'
import { verify } from './verify.ts'

/** A killed worker's rows are taken up within this time: 10 s of silence, and the next claim. */
const TAKEN_UP_MS = 15_000
const KILLS = [
  ['kill -9 of one worker', 1],
  ['kill -9 of both workers', 2],
] as const

void describe('several instances', { skip: clusterMissing, timeout: FORM.limitMs }, () => {
  let cluster: Cluster
  const figures = createFigures()
  const sales: Sale[] = []
  let loads = 0

  before(async () => {
    const since = performance.now()
    cluster = await openCluster({ env: FORM.env })
    figures.add('start', `${seconds(performance.now() - since)} until all servers and instances were ready`)
  })
  after(async (t) => {
    await cluster?.[Symbol.asyncDispose]()
    if (!clusterMissing) (t as { diagnostic?: (text: string) => void }).diagnostic?.(figures.table())
  })

  /** Runs a scenario under load. Afterwards no request is unanswered, and no instance has ended by itself. */
  const underLoad = async (
    act: (load: Load) => Promise<string>,
    scenario: string,
    options: Partial<LoadOptions> = {},
  ): Promise<LoadFigures> => {
    const tag = `load${++loads}`
    const load = startLoad({ url: cluster.url, key: cluster.key, tag, retry: true, ...FORM.load, ...options })
    let measured = 'failed'
    try {
      await waitFor('requests to flow', () => load.answers >= FORM.flowing, 30_000)
      measured = await act(load)
    } finally {
      const figure = await load.stop()
      sales.push(...load.sales)
      figures.add(scenario, measured, figure)
      assert.deepEqual(figure.unanswered, [], scenario)
      assert.deepEqual(figure.contradictions, [], scenario)
      assert.deepEqual(
        cluster.instances.flatMap(({ crash }) => crash ?? []),
        [],
      )
      if (options.retry === false) assert.equal(summarizeFailures(figure.failures), '', scenario)
    }
    return load.stop()
  }
  const describeRecovery = async (limitMs: number): Promise<string> => {
    const { paidMs, readyMs } = await measureRecovery(cluster, limitMs)
    return `payments again after ${seconds(paidMs)}, all instances ready after ${seconds(readyMs)}`
  }

  for (const [scenario, count] of KILLS) {
    void test(scenario, async () => {
      await underLoad(async () => {
        const victims = cluster.workers.slice(0, count)
        const held = await holdEvents(cluster, victims)
        const since = performance.now()
        await Promise.all(victims.map((victim) => victim.stop('SIGKILL')))
        await held.release()
        // The process manager restarts a worker at once when no other one is left.
        const restarted = count === 1 ? undefined : Promise.all(victims.map((victim) => victim.start()))
        const isDone = async (): Promise<boolean> => (await countUnfinished(cluster, held)) === 0
        await waitFor('the events of the killed workers to be handled', isDone, 150_000)
        const takenMs = performance.now() - since
        await (restarted ?? victims[0]?.start())
        await cluster.waitUntilReady()
        assert.ok(takenMs <= TAKEN_UP_MS, `the events were handled ${seconds(takenMs)} after the kill`)
        return `${held.keys.length} claimed events handled ${seconds(takenMs)} after the kill`
      }, scenario)
    })
  }

  void test('frozen sockets to the database', async () => {
    await underLoad(async () => {
      cluster.proxy.freeze()
      const recovered = await describeRecovery(FORM.recoveryMs)
      return `${recovered}; the frozen sockets never continued`
    }, 'frozen sockets')
    cluster.proxy.cut()
  })

  void test('SIGSTOP of a worker and a web instance', async () => {
    const scenario = `SIGSTOP for ${FORM.stopMs / 1000} s`
    await underLoad(async () => {
      const [web, worker] = [cluster.webs[0], cluster.workers[0]]
      web?.signal('SIGSTOP')
      worker?.signal('SIGSTOP')
      await letTimePass(FORM.stopMs)
      web?.signal('SIGCONT')
      worker?.signal('SIGCONT')
      return `after SIGCONT: ${await describeRecovery(FORM.recoveryMs)}`
    }, scenario)
  })

  void test('an outage of the database', async () => {
    const scenario = `database away for ${FORM.outageMs / 1000} s`
    await underLoad(async () => {
      cluster.proxy.refuse()
      cluster.proxy.cut()
      await letTimePass(FORM.outageMs)
      cluster.proxy.accept()
      return describeRecovery(FORM.recoveryMs)
    }, scenario)
  })

  void test('Redis is stopped and started again', async () => {
    await underLoad(
      async () => {
        const [web] = cluster.webs
        await cluster.redis.stop()
        const problemsOf = async (): Promise<string> =>
          JSON.stringify((await web?.health('/health'))?.body.problems ?? [])
        await waitFor('health to name Redis', async () => /redis/i.test(await problemsOf()), 15_000)
        await letTimePass(FORM.redisMs)
        await cluster.redis.start()
        await waitFor('health to forget Redis', async () => !/redis/i.test(await problemsOf()), 15_000)
        return 'health named it; no request failed'
      },
      'Redis away',
      { retry: false },
    )
  })

  void test('fewer connections than the instances may open', async () => {
    const limit = (count: number): Promise<unknown> =>
      cluster.primary.query(`alter database purser connection limit ${count}`)
    await limit(FORM.connectionLimit)
    await cluster.primary.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = 'purser' and usename <> 'postgres'`,
    )
    await cluster.waitUntilReady(FORM.recoveryMs)
    let most = 0
    try {
      await underLoad(
        async () => {
          for (let i = 0; i < FORM.bursts; i++) {
            const created = await Promise.all(
              Array.from({ length: FORM.burst }, (_, j) => createPayment(cluster, `burst-${i}-${j}`)),
            )
            assert.deepEqual([...new Set(created)], [201])
            const [row] = await cluster.primary.query<{ count: number }>(
              `select count(*)::int as count from pg_stat_activity where datname = 'purser'`,
            )
            most = Math.max(most, row?.count ?? 0)
          }
          return `limit ${FORM.connectionLimit}, at most ${most} seen; ${FORM.bursts} bursts of ${FORM.burst} creations answered 201`
        },
        'connection limit',
        { retry: false },
      )
    } finally {
      await limit(-1)
    }
  })

  void test('a rolling restart moves the web instances to PgBouncer', async () => {
    await underLoad(
      async () => {
        const since = performance.now()
        for (const instance of [...cluster.webs, ...cluster.workers]) {
          await instance.stop()
          await instance.start(cluster.settings(instance.role === 'web' ? 'pooled' : 'direct'))
          await waitFor(`${instance.name} to be ready`, async () => (await instance.health()).status === 200)
          // The balancer needs two successful checks before it sends requests.
          await letTimePass(FORM.settleMs)
        }
        return `5 instances in ${seconds(performance.now() - since)}`
      },
      'rolling restart',
      { retry: false },
    )
  })

  void test('PgBouncer in transaction mode', async () => {
    await underLoad(
      async (load) => {
        const until = performance.now() + FORM.poolerMs
        await waitFor('the load to run', () => performance.now() > until, FORM.poolerMs + 5_000)
        const rows = await cluster.primary.query(
          `select from pg_stat_activity where datname = 'purser' and client_port > 0 and backend_type = 'client backend'`,
        )
        return `${load.answers} answers through PgBouncer; ${rows.length} server connections`
      },
      'PgBouncer, transaction mode',
      { retry: false },
    )
  })

  void test('failover to the synchronous standby', async () => {
    await underLoad(async () => {
      const since = performance.now()
      await cluster.failOver()
      const promotedMs = performance.now() - since
      return `promoted after ${seconds(promotedMs)}; then ${await describeRecovery(FORM.recoveryMs)}`
    }, 'failover')
  })

  void test('nothing is lost, nothing is doubled', async () => {
    await cluster.waitUntilReady()
    const { problems, ...verdict } = await verify(cluster, sales, FORM.settledMs)
    assert.deepEqual(problems, [])
    assert.match(await cluster.run('check'), /./)
    await cluster.run('ledger', 'verify')
    const { payments, paid, refunds, webhookEvents, unlinked } = verdict
    figures.add(
      'verification',
      `${payments} payments, ${paid} paid, ${refunds} refunds, ${webhookEvents} events: 0 lost, 0 doubled; ${unlinked} without a link`,
    )
  })
})

async function createPayment({ url, key }: Cluster, idempotencyKey: string): Promise<number> {
  const answer = await fetch(`${url}/api/v1/payments`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify({ amount: '10.00', currency: 'KES' }),
  })
  await answer.text()
  return answer.status
}
