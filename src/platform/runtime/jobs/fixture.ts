import { createIds } from '../../base/ids.ts'
import { createJobs, type Jobs, type JobsDeps } from '../jobs.ts'
import { silentLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'
import { systemClock } from '../../base/clock.ts'

export type Trial = Jobs & AsyncDisposable

/** Jobs over a test database, with what the test gives and stand-ins of no interest for the rest. Drained in the end. */
export function openTrial(deps: Pick<JobsDeps, 'db' | 'connection'> & Partial<JobsDeps>): Trial {
  const jobs = createJobs({
    clock: systemClock,
    ids: createIds(systemClock),
    log: silentLog,
    metrics: createMetrics({ defaults: false }),
    jobs: [],
    queues: [],
    crons: [],
    instance: { version: '0.0.0' },
    ...deps,
  })
  return { ...jobs, [Symbol.asyncDispose]: () => jobs.drain(0) }
}
