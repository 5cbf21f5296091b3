import type { HealthCheck } from '#platform/runtime/health'
import type { RatesDeps } from './types.ts'
import { createMeters } from './metrics.ts'
import type { Reader } from './reader.ts'
import { listSources, listValues } from './store.ts'

/** Consecutive failures after which a source counts as failing. A single lost response does not. */
const FAILURES_TO_REPORT = 3

/** Health of the rates. Degraded: a source fails or is excluded. Unhealthy: the price of bitcoin is older than RATES_MAX_AGE. */
export const ratesHealth = ({ db, clock, config, metrics, reader }: RatesDeps & { reader: Reader }): HealthCheck => {
  const meters = createMeters(metrics)
  return {
    name: 'rates',
    critical: false,
    check: async () => {
      const rows = await listSources(db)
      const all = await reader.sourceStates(db)
      const last = (await listValues(db, ['BTC'])).get('BTC')
      const ageSeconds = last ? Math.max(0, Math.round((clock.now().getTime() - last.at.getTime()) / 1000)) : undefined
      meters.age.set(ageSeconds ?? -1)
      const detail = { ageSeconds, sources: Object.fromEntries(all.map(({ source, state }) => [source, state])) }
      const asked = all.some(({ state }) => state !== 'not-asked')
      if (!asked) return { status: 'healthy', detail }
      if (ageSeconds === undefined || ageSeconds > config().maxAgeSeconds) return { status: 'unhealthy', detail }
      const failing = rows.some(
        ({ name, failures }) => failures >= FAILURES_TO_REPORT && all.some((one) => one.source === name),
      )
      const doubted = all.some(({ state }) => state === 'left-out' || state === 'stale')
      return { status: failing || doubted ? 'degraded' : 'healthy', detail }
    },
  }
}
