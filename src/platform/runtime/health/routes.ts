import type { HttpServer, Reply, Request } from '../../web/http.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { Health } from './health.ts'

/** Adds the unauthenticated health routes. They return 200 while requests can be served, also when degraded, and otherwise 503 with the problems. */
export function healthRoutes(app: HttpServer, health: Health, metrics: Metrics): void {
  const schema = { hide: true }
  const summary = async (_: Request, reply: Reply) => {
    const { status, problems } = await health.report()
    return reply.code(codeOf(status)).send({ status, ...health.identity(), ...(problems.length > 0 && { problems }) })
  }
  for (const url of ['/health', '/health/ready', '/api/health']) app.get(url, { schema }, summary)
  app.get('/health/live', { schema }, async (_, reply) => {
    const problems = health.livenessProblems()
    const status = problems.length > 0 ? 'unhealthy' : 'healthy'
    return reply.code(codeOf(status)).send({ status, ...health.identity(), ...(problems.length > 0 && { problems }) })
  })
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
      if (!report)
        return reply.code(503).send({ status: 'unhealthy', problems: [`${name} does not run in this process`] })
      return reply.code(codeOf(report.status)).send(report)
    })
  }
  app.get('/metrics', { schema }, async (request, reply) => {
    if (!isLocal(request)) return reply.code(403).type('text/plain').send(NOT_LOCAL)
    return reply.type(metrics.registry.contentType).send(await metrics.registry.metrics())
  })
}

const NOT_LOCAL = 'Metrics are available on this machine only. Request http://127.0.0.1 without a proxy.\n'
const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip', 'via']

/** Returns whether a request comes from this machine directly. A proxy on this machine also has a loopback address, but adds headers. */
const isLocal = ({ raw }: Request): boolean =>
  LOOPBACK.test(raw.socket.remoteAddress ?? '') && FORWARDED.every((name) => raw.headers[name] === undefined)

const codeOf = (status: string): number => (status === 'unhealthy' ? 503 : 200)
