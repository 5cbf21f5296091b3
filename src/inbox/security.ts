import type { Log } from '#platform/observe/log'
import type { Metrics } from '#platform/observe/metrics'

/**
 * Counts and logs a security event. `detail` holds ids only: no phone number, no token and no text that a stranger wrote.
 */
export type ReportSecurityEvent = (
  event: string,
  detail: Readonly<Record<string, string | undefined>> & { readonly rail: string },
) => void

/** Creates the reporter. All reporters of one process share the counter `purser_payment_security_events_total`. */
export function createSecurityReporter({ log, metrics }: { log: Log; metrics: Metrics }): ReportSecurityEvent {
  const counter = metrics.counter('purser_payment_security_events_total', 'Callbacks and events refused', [
    'rail',
    'event',
  ])
  return (event, detail) => {
    counter.inc({ rail: detail.rail, event })
    log.warn({ securityEvent: event, ...detail }, 'security event')
  }
}
