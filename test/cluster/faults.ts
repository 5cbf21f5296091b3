import assert from 'node:assert/strict'
import { letTimePass, waitFor } from '../wait.ts'
import { call } from './client.ts'
import type { Cluster } from './cluster.ts'
import { seconds } from './figures.ts'
import { FORM } from './form.ts'
import { countUnfinished, holdEvents } from './held.ts'
import type { Load } from './load.ts'
import { measureRecovery } from './recovery.ts'

/** A fault, or work of the operator, while merchants send requests. */
export interface Scenario {
  readonly name: string
  /** Returns the measured figures. Throws when the cluster does not keep its promise. */
  act(cluster: Cluster, load: Load): Promise<string>
  /** True: clients do not repeat a request, and none may fail. */
  readonly seamless?: boolean
  /** Prepares the cluster before the load starts. Returns the function that restores it. */
  prepare?(cluster: Cluster): Promise<() => Promise<void>>
}

/** A killed worker's rows are handled within this time: 10 s of silence, and the next claim. */
const TAKEN_UP_MS = 15_000

const describeRecovery = async (cluster: Cluster): Promise<string> => {
  const { paidMs, readyMs } = await measureRecovery(cluster, FORM.recoveryMs)
  return `paid again after ${seconds(paidMs)}, all ready after ${seconds(readyMs)}`
}

async function killWorkers(cluster: Cluster, count: number): Promise<string> {
  const victims = cluster.workers.slice(0, count)
  const held = await holdEvents(cluster, victims)
  const sinceMs = performance.now()
  await Promise.all(victims.map((victim) => victim.stop('SIGKILL')))
  await held.release()
  // The process manager restarts a worker at once. Here it does so only when no other one is left.
  const isLast = count === cluster.workers.length
  const restarted = isLast ? Promise.all(victims.map((victim) => victim.start())) : undefined
  const isDone = async (): Promise<boolean> => (await countUnfinished(cluster, held)) === 0
  await waitFor('the events of the killed workers to be handled', isDone, 150_000)
  const takenMs = performance.now() - sinceMs
  await (restarted ?? Promise.all(victims.map((victim) => victim.start())))
  await cluster.waitUntilReady()
  assert.ok(takenMs <= TAKEN_UP_MS, `the events were handled ${seconds(takenMs)} after the kill`)
  return `${held.keys.length} claimed events handled ${seconds(takenMs)} after the kill`
}

/** Faults that the instances survive on each way to the database. `route` is part of the name. */
const createFaults = (route: string): Scenario[] => [
  {
    name: `frozen sockets${route}`,
    act: async (cluster) => {
      cluster.proxy.freeze()
      const recovered = await describeRecovery(cluster)
      // The frozen connections never continue.
      cluster.proxy.cut()
      return recovered
    },
  },
  {
    name: `SIGSTOP of a web and a worker for ${FORM.stopMs / 1000} s${route}`,
    act: async (cluster) => {
      const stopped = [cluster.webs[0], cluster.workers[0]]
      for (const instance of stopped) instance?.signal('SIGSTOP')
      await letTimePass(FORM.stopMs)
      for (const instance of stopped) instance?.signal('SIGCONT')
      return describeRecovery(cluster)
    },
  },
  {
    name: `database away for ${FORM.outageMs / 1000} s${route}`,
    act: async (cluster) => {
      cluster.proxy.refuse()
      cluster.proxy.cut()
      await letTimePass(FORM.outageMs)
      cluster.proxy.accept()
      return describeRecovery(cluster)
    },
  },
]

const redisAway: Scenario = {
  name: 'Redis away',
  seamless: true,
  act: async (cluster) => {
    const problemsOf = async (): Promise<string> => {
      const reports = await Promise.all(cluster.webs.map((web) => web.health('/health')))
      return reports.map(({ body }) => JSON.stringify(body.problems ?? [])).join('\n')
    }
    const sinceMs = performance.now()
    await cluster.redis.stop()
    const isNamedByAll = async (): Promise<boolean> =>
      (await problemsOf()).split('\n').every((problems) => /redis/i.test(problems))
    await waitFor('the health of every web instance to name Redis', isNamedByAll, 20_000)
    const namedMs = performance.now() - sinceMs
    await letTimePass(FORM.redisMs)
    await cluster.redis.start()
    await waitFor('health to forget Redis', async () => !/redis/i.test(await problemsOf()), 20_000)
    return `named by health after ${seconds(namedMs)}`
  },
}

/** Creates payments in bursts of more requests than the server accepts connections. */
const fewConnections: Scenario = {
  name: 'connection limit',
  seamless: true,
  prepare: async (cluster) => {
    const { primary } = cluster
    const setLimit = async (limit: number): Promise<void> =>
      void (await primary.query(`alter database purser connection limit ${limit}`))
    await setLimit(FORM.connectionLimit)
    // The limit holds for new connections only.
    await primary.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = 'purser' and usename <> 'postgres'`,
    )
    await cluster.waitUntilReady(FORM.recoveryMs)
    return () => setLimit(-1)
  },
  act: async (cluster) => {
    const { connectionLimit, bursts, burst } = FORM
    let most = 0
    for (let i = 0; i < bursts; i++) {
      const creations = Array.from({ length: burst }, (_, j) => createPayment(cluster, `burst-${i}-${j}`))
      assert.deepEqual([...new Set(await Promise.all(creations))], [201])
      most = Math.max(most, await countConnections(cluster))
    }
    return `limit ${connectionLimit}, at most ${most} seen; ${bursts} bursts of ${burst} creations answered 201`
  },
}

async function createPayment({ url, key }: Cluster, idempotencyKey: string): Promise<number> {
  const body = { amount: '10.00', currency: 'KES' }
  const create = { method: 'POST', path: '/api/v1/payments', body, idempotencyKey, timeoutMs: 30_000 }
  return (await call(url, key, create)).status
}

async function countConnections({ primary }: Cluster): Promise<number> {
  const sessions = `select count(*)::int as count from pg_stat_activity where datname = 'purser' and usename <> 'postgres'`
  const [row] = await primary.query<{ count: number }>(sessions)
  return row?.count ?? 0
}

/** Restarts a web instance and a worker at a time, so that one worker always runs. */
const rollingRestart: Scenario = {
  name: 'rolling restart, web instances move to PgBouncer',
  seamless: true,
  act: async (cluster) => {
    const sinceMs = performance.now()
    for (const [i, web] of cluster.webs.entries()) {
      const pair = [web, cluster.workers[i]].filter((instance) => instance !== undefined)
      await Promise.all(
        pair.map(async (instance) => {
          await instance.stop()
          await instance.start(cluster.settings(instance.role === 'web' ? 'pooled' : 'direct'))
          const isReady = async (): Promise<boolean> => (await instance.health()).status === 200
          await waitFor(`${instance.name} to be ready`, isReady, 30_000)
        }),
      )
      // The balancer needs two successful checks before it sends requests.
      await letTimePass(FORM.settleMs)
    }
    return `${cluster.instances.length} instances in ${seconds(performance.now() - sinceMs)}`
  },
}

const throughPooler: Scenario = {
  name: 'PgBouncer, transaction mode',
  seamless: true,
  act: async (cluster, load) => {
    const untilMs = performance.now() + FORM.poolerMs
    const before = load.answers
    await waitFor('the load to run', () => performance.now() > untilMs, FORM.poolerMs + 5_000)
    return `${load.answers - before} answers; ${await countConnections(cluster)} connections at the server`
  },
}

/** The process manager restarts what was killed. */
const killWebAndPooler: Scenario = {
  name: 'kill -9 of a web instance and of PgBouncer',
  act: async (cluster) => {
    const [web] = cluster.webs
    await Promise.all([web?.stop('SIGKILL'), cluster.pgbouncer.stop('SIGKILL')])
    await cluster.pgbouncer.start()
    await web?.start()
    return describeRecovery(cluster)
  },
}

const failover: Scenario = {
  name: 'failover to the synchronous standby',
  act: async (cluster) => {
    const sinceMs = performance.now()
    await cluster.failOver()
    const promotedMs = performance.now() - sinceMs
    return `promoted ${seconds(promotedMs)} after the kill; then ${await describeRecovery(cluster)}`
  },
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'kill -9 of one worker', act: (cluster) => killWorkers(cluster, 1) },
  { name: 'kill -9 of both workers', act: (cluster) => killWorkers(cluster, 2) },
  ...createFaults(''),
  redisAway,
  fewConnections,
  rollingRestart,
  throughPooler,
  ...(FORM.moreFaults ? [...createFaults(', through PgBouncer'), killWebAndPooler] : []),
  failover,
]
