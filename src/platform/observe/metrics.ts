import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

/** The program's metrics, in a separate registry. A repeated call with the same name returns the same metric. */
export interface Metrics {
  readonly registry: Registry
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>
  /** Returns a gauge. `collect` sets its values when the metrics are read. It must not throw, and must end soon. */
  gauge<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: () => Promise<void>,
  ): Gauge<L>
  /** Returns a histogram. `buckets` are in the unit that the name ends with. Default: buckets for seconds. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>
}

const BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Creates the registry. `defaults` adds the metrics of the process: memory, event loop, garbage collection. */
export function createMetrics(options: { defaults?: boolean } = {}): Metrics {
  const registry = new Registry()
  if (options.defaults !== false) collectDefaultMetrics({ register: registry })
  const registers = [registry]
  return {
    registry,
    counter: <L extends string = never>(name: string, help: string, labels: readonly L[] = []) =>
      (registry.getSingleMetric(name) as Counter<L> | undefined) ??
      new Counter({ name, help, labelNames: [...labels], registers }),
    gauge: <L extends string = never>(
      name: string,
      help: string,
      labels: readonly L[] = [],
      collect?: () => Promise<void>,
    ) =>
      (registry.getSingleMetric(name) as Gauge<L> | undefined) ??
      new Gauge({ name, help, labelNames: [...labels], registers, ...(collect && { collect }) }),
    histogram: <L extends string = never>(
      name: string,
      help: string,
      labels: readonly L[] = [],
      buckets: readonly number[] = BUCKETS,
    ) =>
      (registry.getSingleMetric(name) as Histogram<L> | undefined) ??
      new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers }),
  }
}
