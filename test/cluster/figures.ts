import { formatTable } from '#platform/base/table'
import type { Failure, LoadFigures } from './load.ts'

const WIDTH = 150

export interface Figures {
  add(scenario: string, measured: string, load?: LoadFigures): void
  /** Returns the measured figures as a table. */
  table(): string
}

export function createFigures(): Figures {
  const rows: Record<string, string>[] = []
  return {
    add: (scenario, measured, load) => {
      rows.push({
        scenario,
        measured,
        requests: load ? String(load.requests) : '',
        failed: load ? String(load.failures.length) : '',
        unanswered: load ? String(load.unanswered.length) : '',
        'p99 ms': load ? String(load.p99Ms) : '',
      })
    },
    table: () => formatTable(rows, WIDTH),
  }
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`

/** Summarizes failures, most frequent first. */
export function summarizeFailures(failures: readonly Failure[]): string {
  const counts = new Map<string, number>()
  for (const { request, status, code } of failures) {
    const name = `${request} ${status} ${code}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} × ${name}`)
    .join(', ')
}
