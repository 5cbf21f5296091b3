import { monotonicMs } from '../../base/clock.ts'

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy'

export interface HealthCheck {
  readonly name: string
  /** True when no request can be served while this check is unhealthy. An unhealthy check that is not critical only degrades the report. */
  readonly critical: boolean
  /** Runs the check. A throw counts as unhealthy. `detail` is public, so it must not contain addresses or secrets. */
  check(): Promise<CheckResult>
}

export interface CheckResult {
  readonly status: HealthStatus
  readonly detail?: Readonly<Record<string, unknown>>
}

export interface CheckReport extends CheckResult {
  readonly critical: boolean
  readonly ms: number
}

export interface HealthReport {
  readonly status: HealthStatus
  /** One text per problem. Empty when healthy. */
  readonly problems: readonly string[]
  readonly checks: Readonly<Record<string, CheckReport>>
}

const DEADLINE_MS = 3_000
/** Time that a result is cached, so that many requests run the checks once a second. */
const CACHE_MS = 1_000

/** Returns a function that runs a check at most once a second, with a deadline of three seconds, and caches its report. */
export function cacheCheck(
  check: HealthCheck,
  onFailure: (name: string, error: unknown) => void,
): () => Promise<CheckReport> {
  let cached: { report: Promise<CheckReport>; until: number } | undefined
  const run = async (): Promise<CheckReport> => {
    const from = monotonicMs()
    const result = await withDeadline(check).catch((error: unknown): CheckResult => {
      onFailure(check.name, error)
      return { status: 'unhealthy', detail: { problem: 'the check failed; the log has the error' } }
    })
    return { ...result, critical: check.critical, ms: Math.round(monotonicMs() - from) }
  }
  return () => {
    if (!cached || monotonicMs() > cached.until) {
      // Never start a check that still runs, even if it hangs.
      const next = { report: run(), until: Infinity }
      void next.report.then(() => (next.until = monotonicMs() + CACHE_MS))
      cached = next
    }
    return cached.report
  }
}

async function withDeadline(check: HealthCheck): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<CheckResult>((resolve) => {
    const result: CheckResult = { status: 'unhealthy', detail: { problem: `no result within ${DEADLINE_MS} ms` } }
    timer = setTimeout(resolve, DEADLINE_MS, result)
  })
  try {
    return await Promise.race([check.check(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Combines check reports. An unhealthy critical check makes the result unhealthy; any other problem degrades it. */
export function summarize(checks: Readonly<Record<string, CheckReport>>): HealthReport {
  const entries = Object.entries(checks)
  const bad = entries.filter(([, { status }]) => status !== 'healthy')
  const down = bad.some(([, { status, critical }]) => critical && status === 'unhealthy')
  const status = down ? 'unhealthy' : bad.length > 0 ? 'degraded' : 'healthy'
  return { status, problems: bad.map(([name, report]) => `${name} is ${report.status}`), checks }
}
