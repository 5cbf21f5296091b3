import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { createSetClock } from '../../base/clock.ts'
import { createHealth, healthRoutes, type CheckResult, type HealthCheck } from '../health.ts'
import { createHttp } from '../../web/http.ts'
import { silentLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'

const checkOf = (name: string, critical: boolean, check: () => Promise<CheckResult>): HealthCheck => ({
  name,
  critical,
  check,
})
const well = (): Promise<CheckResult> => Promise.resolve({ status: 'healthy' })

async function open(checks: readonly HealthCheck[], silentLoops = (): readonly string[] => []) {
  const metrics = createMetrics({ defaults: false })
  const app = await createHttp({ log: silentLog, metrics, version: '1', publicUrl: 'http://pay.test', idleGraceMs: 0 })
  const health = createHealth({
    checks,
    clock: createSetClock(),
    log: silentLog,
    version: '1.2.3',
    environment: 'sandbox',
    silentLoops,
  })
  healthRoutes(app, health, metrics)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await ask(url + path, headers)
    const json = answer.text.startsWith('{') ? (JSON.parse(answer.text) as Record<string, unknown>) : {}
    return { ...answer, json }
  }
  return { app, health, get, [Symbol.asyncDispose]: () => app.close() }
}

const ask = (url: string, headers: Record<string, string>): Promise<{ status: number; text: string }> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { headers, agent: false }, (answer) => {
      let text = ''
      answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }))
    })
    sent.on('error', reject).end()
  })

void test('the report is healthy only in phase ready, not while starting or draining', async () => {
  await using server = await open([checkOf('database', true, well)])
  assert.deepEqual((await server.get('/health')).json['problems'], ['the server is starting'])
  assert.equal((await server.get('/health/live')).status, 200)
  server.health.setPhase('ready')
  for (const path of ['/health', '/health/ready', '/api/health']) {
    const { status, json } = await server.get(path)
    assert.deepEqual(
      [status, json['status'], json['version'], json['environment']],
      [200, 'healthy', '1.2.3', 'sandbox'],
      path,
    )
    assert.equal(json['timestamp'], '2026-01-15T09:00:00.000Z')
  }
  server.health.setPhase('draining')
  assert.equal((await server.get('/health/ready')).status, 503)
  assert.equal((await server.get('/health/live')).status, 200)
})

void test('a failed critical check returns 503 with its name; other failed checks only degrade', async () => {
  await using server = await open([
    checkOf('database', true, () => Promise.reject(new Error('connect ECONNREFUSED /secret/socket'))),
    checkOf('jobs', false, () => Promise.resolve({ status: 'degraded', detail: { waiting: 12 } })),
  ])
  server.health.setPhase('ready')
  const { status, json, text } = await server.get('/health')
  assert.deepEqual(
    [status, json['status'], json['problems']],
    [503, 'unhealthy', ['database is unhealthy', 'jobs is degraded']],
  )
  assert.equal((await server.get('/health/db')).status, 503)
  assert.deepEqual((await server.get('/health/jobs')).json['detail'], { waiting: 12 })
  assert.equal((await server.get('/health/jobs')).status, 200)
  const detailed = await server.get('/health/detailed')
  assert.doesNotMatch(text + detailed.text, /secret/)
  await using lesser = await open([
    checkOf('database', true, well),
    checkOf('mail', false, () => Promise.reject(new Error('x'))),
  ])
  lesser.health.setPhase('ready')
  const summary = await lesser.get('/health')
  assert.deepEqual([summary.status, summary.json['status']], [200, 'degraded'])
  assert.equal((await lesser.get('/health/jobs')).status, 503)
})

void test('the detailed report contains memory, disk, uptime and every check', async () => {
  await using server = await open([checkOf('database', true, well)])
  server.health.setPhase('ready')
  const { json } = await server.get('/health/detailed')
  const memory = json['memory'] as Record<string, number>
  assert.ok(['rss', 'heapUsed', 'heapTotal', 'external'].every((name) => (memory[name] ?? 0) > 0))
  const disk = json['disk'] as Record<string, number>
  assert.ok((disk['total'] ?? 0) > (disk['free'] ?? 0))
  assert.equal(typeof json['uptime'], 'number')
  assert.equal((json['checks'] as Record<string, CheckResult>)['database']?.status, 'healthy')
  assert.deepEqual(Object.keys((await server.get('/health/dependencies')).json), ['status', 'dependencies'])
})

void test('many requests run a check once, and a hanging check is not started again', async () => {
  let runs = 0
  const gate = Promise.withResolvers<CheckResult>()
  await using server = await open([
    checkOf('database', true, () => {
      runs++
      return gate.promise
    }),
  ])
  server.health.setPhase('ready')
  const waiting = Array.from({ length: 30 }, () => server.get('/health'))
  const late = await Promise.all(waiting)
  assert.equal(runs, 1)
  assert.ok(late.every(({ status }) => status === 503))
  gate.resolve({ status: 'healthy' })
})

void test('metrics are served to this machine only', async () => {
  await using server = await open([])
  const { status, text } = await server.get('/metrics')
  assert.equal(status, 200)
  assert.match(text, /# TYPE http_request_duration_seconds histogram/)
  for (const name of ['x-forwarded-for', 'forwarded', 'via', 'x-real-ip'])
    assert.equal((await server.get('/metrics', { [name]: '127.0.0.1' })).status, 403, name)
})

void test('liveness fails only for loops that hang, with their names', async () => {
  const silent: string[] = []
  await using server = await open([checkOf('database', true, () => Promise.reject(new Error('x')))], () => silent)
  server.health.setPhase('ready')
  assert.equal((await server.get('/health/ready')).status, 503)
  assert.equal((await server.get('/health/live')).status, 200, 'an unreachable database is no reason for a restart')
  silent.push('relay', 'queue inbox.events')
  const { status, json } = await server.get('/health/live')
  assert.deepEqual([status, json['problems']], [503, ['loop relay hangs', 'loop queue inbox.events hangs']])
})
