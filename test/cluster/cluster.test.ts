import assert from 'node:assert/strict'
import { after, before, describe, test, type SuiteContext, type TestContext } from 'node:test'
import { waitFor } from '../wait.ts'
import { openCluster, type Cluster } from './cluster.ts'
import { SCENARIOS, type Scenario } from './faults.ts'
import { createFigures, seconds, summarizeFailures } from './figures.ts'
import { FORM } from './form.ts'
import { startLoad, type Sale } from './load.ts'
import { serversMissing } from './programs.ts'
import { verify } from './verify.ts'

void describe('several instances', { skip: serversMissing, timeout: FORM.limitMs }, () => {
  let cluster: Cluster
  const figures = createFigures()
  /** All acknowledged objects. */
  const sales: Sale[] = []

  before(async () => {
    const sinceMs = performance.now()
    cluster = await openCluster({ env: FORM.env })
    figures.add('start', `${seconds(performance.now() - sinceMs)} until all servers and instances were ready`)
  })
  after(async (t) => {
    await cluster?.[Symbol.asyncDispose]()
    // The types of Node lack the context that a hook of a suite gets.
    ;(t as SuiteContext & Pick<TestContext, 'diagnostic'>).diagnostic(figures.table())
  })

  for (const [i, scenario] of SCENARIOS.entries()) {
    void test(scenario.name, { timeout: FORM.limitMs }, async () => {
      const restore = await scenario.prepare?.(cluster)
      try {
        await runUnderLoad(scenario, `load${i}`)
      } finally {
        await restore?.()
      }
    })
  }

  /** Runs a scenario under load. Afterwards every request has its answer, and no instance has ended by itself. */
  async function runUnderLoad({ name, act, seamless = false }: Scenario, tag: string): Promise<void> {
    const load = startLoad({ url: cluster.url, key: cluster.key, tag, retry: !seamless, ...FORM.load })
    const measure = async (): Promise<string> => {
      await waitFor('requests to flow', () => load.answers >= FORM.flowing, 30_000)
      return act(cluster, load)
    }
    const [result] = await Promise.allSettled([measure()])
    const figure = await load.stop()
    sales.push(...load.sales)
    figures.add(name, result.status === 'fulfilled' ? result.value : 'failed', figure)
    if (result.status === 'rejected') throw result.reason
    assert.deepEqual(figure.unanswered, [])
    assert.deepEqual(figure.contradictions, [])
    const crashes = cluster.instances.flatMap(({ crash }) => crash ?? [])
    assert.deepEqual(crashes, [])
    if (seamless) assert.equal(summarizeFailures(figure.failures), '')
  }

  void test('nothing is lost, nothing is doubled, all instances are healthy', { timeout: FORM.limitMs }, async () => {
    const { problems, ...verdict } = await verify(cluster, sales, FORM.settledMs)
    assert.deepEqual(problems, [])
    await Promise.all([cluster.run('check'), cluster.run('ledger', 'verify')])
    await waitFor('all instances to be healthy', () => areHealthy(cluster), 20_000).catch(async (error: unknown) => {
      assert.fail(`${String(error)}: ${JSON.stringify(await readHealth(cluster))}`)
    })
    const { payments, paid, refunds, webhookEvents, unlinked } = verdict
    figures.add(
      'verification',
      `${payments} payments, ${paid} paid, ${refunds} refunds, ${webhookEvents} events: 0 lost, 0 doubled, ${unlinked} unlinked`,
    )
  })
})

const readHealth = ({ instances }: Cluster): Promise<object[]> =>
  Promise.all(
    instances.map(async ({ name, health }) => {
      const [all, live] = await Promise.all([health('/health'), health('/health/live')])
      return { name, status: all.body.status, problems: all.body.problems, live: live.status }
    }),
  )

async function areHealthy(cluster: Cluster): Promise<boolean> {
  const reports = await readHealth(cluster)
  return reports.every(
    (report) => 'status' in report && report.status === 'healthy' && 'live' in report && report.live === 200,
  )
}
