import { monotonicMs } from '../../base/clock.ts'

export type HealthStatus = 'healthy' | 'degraded' | 'unhealthy'

export interface HealthCheck {
  readonly name: string
  /** Without it no request can be served. An unhealthy part that is not critical only degrades the whole. */
  readonly critical: boolean
  /** `detail` is shown to everybody: no address, no secret. Throwing is unhealthy. */
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
  /** What is wrong, in words; empty when nothing is. */
  readonly problems: readonly string[]
  readonly checks: Readonly<Record<string, CheckReport>>
}

const DEADLINE_MS = 3_000
/** A flood of questions runs the checks once a second. */
const KEPT_MS = 1_000

/** Runs a check at most once a second and for at most three, whoever asks. */
export function keepResult(
  check: HealthCheck,
  onFailure: (name: string, error: unknown) => void,
): () => Promise<CheckReport> {
  let kept: { report: Promise<CheckReport>; until: number } | undefined
  const run = async (): Promise<CheckReport> => {
    const from = monotonicMs()
    const result = await withDeadline(check).catch((error: unknown): CheckResult => {
      onFailure(check.name, error)
      return { status: 'unhealthy', detail: { problem: 'the check failed: see the log' } }
    })
    return { ...result, critical: check.critical, ms: Math.round(monotonicMs() - from) }
  }
  return () => {
    if (!kept || monotonicMs() > kept.until) {
      // While it runs it is not begun again, however long it hangs.
      const next = { report: run(), until: Infinity }
      void next.report.then(() => (next.until = monotonicMs() + KEPT_MS))
      kept = next
    }
    return kept.report
  }
}

async function withDeadline(check: HealthCheck): Promise<CheckResult> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<CheckResult>((resolve) => {
    const result: CheckResult = { status: 'unhealthy', detail: { problem: `no answer in ${DEADLINE_MS} ms` } }
    timer = setTimeout(resolve, DEADLINE_MS, result)
  })
  try {
    return await Promise.race([check.check(), late])
  } finally {
    clearTimeout(timer)
  }
}

/** The whole is as bad as its worst critical part; any other trouble degrades it. */
export function summarize(checks: Readonly<Record<string, CheckReport>>): HealthReport {
  const entries = Object.entries(checks)
  const bad = entries.filter(([, { status }]) => status !== 'healthy')
  const down = bad.some(([, { status, critical }]) => critical && status === 'unhealthy')
  const status = down ? 'unhealthy' : bad.length > 0 ? 'degraded' : 'healthy'
  return { status, problems: bad.map(([name, report]) => `${name} is ${report.status}`), checks }
}
