import { freemem, totalmem } from 'node:os'
import { statfs } from 'node:fs/promises'
import type { Clock } from '../../base/clock.ts'
import { describeError } from '../../base/errors.ts'
import type { Log } from '../../observe/log.ts'
import { cacheCheck, summarize, type CheckReport, type HealthCheck, type HealthReport } from './checks.ts'

export interface HealthOptions {
  checks: readonly HealthCheck[]
  clock: Clock
  log: Log
  version: string
  /** The mode, or the operator's name of this installation. */
  environment: string
  /** Folder whose disk usage is reported. */
  dataDir?: string
  /** Returns the names of loops of the process that hang. Default: none. */
  silentLoops?(): readonly string[]
}

export type Phase = 'starting' | 'ready' | 'draining'

export interface Health {
  /** Sets the phase, initially `starting`. The report is unhealthy in every phase except `ready`. */
  setPhase(phase: Phase): void
  report(): Promise<HealthReport>
  /** Returns one text per reason to restart the process. An unreachable database is none. */
  livenessProblems(): readonly string[]
  /** Runs one check by name. Undefined when no check has this name. */
  find(name: string): Promise<CheckReport | undefined>
  /** Returns the fields that every health response contains. `uptime` is in seconds. */
  identity(): { timestamp: string; version: string; environment: string; uptime: number }
  /** Returns memory and disk usage of process and machine, in bytes and shares from 0 to 1. */
  machine(): Promise<Record<string, unknown>>
}

export function createHealth(options: HealthOptions): Health {
  const { clock, log, version, environment, dataDir = '.' } = options
  let phase: Phase = 'starting'
  const onFailure = (name: string, error: unknown): void =>
    log.warn({ check: name, error: describeError(error) }, 'health check failed')
  const checks = new Map(options.checks.map((check) => [check.name, cacheCheck(check, onFailure)]))
  return {
    setPhase: (next) => void (phase = next),
    report: async () => {
      if (phase !== 'ready') return { status: 'unhealthy', problems: [`the server is ${phase}`], checks: {} }
      const reports = await Promise.all([...checks].map(async ([name, run]) => [name, await run()] as const))
      return summarize(Object.fromEntries(reports))
    },
    livenessProblems: () => (options.silentLoops?.() ?? []).map((name) => `loop ${name} hangs`),
    find: async (name) => checks.get(name)?.(),
    identity: () => ({
      timestamp: clock.now().toISOString(),
      version,
      environment,
      uptime: Math.round(process.uptime()),
    }),
    machine: async () => ({ memory: memory(), disk: await disk(dataDir) }),
  }
}

function memory(): Record<string, number> {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  return { rss, heapUsed, heapTotal, external, systemFree: freemem(), systemTotal: totalmem() }
}

async function disk(folder: string): Promise<Record<string, number> | undefined> {
  const stats = await statfs(folder).catch(() => undefined)
  if (!stats || stats.blocks === 0) return undefined
  const total = stats.blocks * stats.bsize
  const free = stats.bavail * stats.bsize
  return { total, free, usedShare: Math.round((1 - free / total) * 1000) / 1000 }
}
