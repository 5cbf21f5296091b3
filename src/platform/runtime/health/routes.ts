import type { HttpServer, Reply, Request } from '../../web/http.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Health } from './health.ts'

/** Unauthenticated, for load balancers, monitors and people: 200 while requests can be served, degraded or not, else 503 and why. */
export function healthRoutes(app: HttpServer, health: Health, metrics: Metrics): void {
  const schema = { hide: true }
  const summary = async (_: Request, reply: Reply) => {
    const { status, problems } = await health.report()
    return reply.code(codeOf(status)).send({ status, ...health.identity(), ...(problems.length > 0 && { problems }) })
  }
  for (const url of ['/health', '/health/ready', '/api/health']) app.get(url, { schema }, summary)
  app.get('/health/live', { schema }, async () => ({ status: 'healthy', ...health.identity() }))
  app.get('/health/detailed', { schema }, async (_, reply) => {
    const [report, machine] = await Promise.all([health.report(), health.machine()])
    return reply.code(codeOf(report.status)).send({ ...report, ...health.identity(), ...machine })
  })
  app.get('/health/dependencies', { schema }, async (_, reply) => {
    const { status, checks } = await health.report()
    return reply.code(codeOf(status)).send({ status, dependencies: checks })
  })
  for (const [url, name] of [
    ['/health/db', 'database'],
    ['/health/jobs', 'jobs'],
  ] as const) {
    app.get(url, { schema }, async (_, reply) => {
      const report = await health.find(name)
      if (!report) return reply.code(503).send({ status: 'unhealthy', problems: [`${name} does not run here`] })
      return reply.code(codeOf(report.status)).send(report)
    })
  }
  app.get('/metrics', { schema }, async (request, reply) => {
    if (!isLocal(request)) return reply.code(403).type('text/plain').send(NOT_LOCAL)
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
  })
}

const NOT_LOCAL = 'Metrics are shown on this machine only: ask http://127.0.0.1 without a proxy in between.\n'
const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via']

/** A loopback peer that no proxy speaks for: a proxy on this machine is a loopback peer too. */
const isLocal = ({ raw }: Request): boolean =>
  LOOPBACK.test(raw.socket.remoteAddress ?? '') && FORWARDED.every((name) => raw.headers[name] === undefined)

const codeOf = (status: string): number => (status === 'unhealthy' ? 503 : 200)
