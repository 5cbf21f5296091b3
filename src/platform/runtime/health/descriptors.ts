import { readDescriptors } from '../../base/descriptors.ts'
import type { HealthCheck } from './checks.ts'

/** Share of the limit above which the next connections soon fail. */
const NEARLY_ALL = 0.9

/** Creates the check of file descriptors: each connection of a client, a provider or the database takes one. */
export const descriptorsCheck: HealthCheck = {
  name: 'descriptors',
  critical: false,
  check: () => {
    const found = readDescriptors()
    if (!found) return Promise.resolve({ status: 'healthy' })
    const { open, limit } = found
    const status = open >= limit ? 'unhealthy' : open > limit * NEARLY_ALL ? 'degraded' : 'healthy'
    return Promise.resolve({ status, detail: { open, limit } })
  },
}
