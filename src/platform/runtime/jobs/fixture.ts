import { createIds } from '../../base/ids.ts'
import { createJobs, type Jobs, type JobsDeps } from '../jobs.ts'
import { silentLog } from '../../observe/log.ts'
import { createMetrics } from '../../observe/metrics.ts'
import { systemClock } from '../../base/clock.ts'

export type TestJobs = Jobs & AsyncDisposable

/** Creates jobs over a test database, with defaults for the dependencies that a test does not pass. Disposal drains them. */
export function openTestJobs(deps: Pick<JobsDeps, 'db' | 'connection'> & Partial<JobsDeps>): TestJobs {
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
