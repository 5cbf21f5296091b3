import type { Metrics } from '#platform/observe/metrics'

export const createMeters = (metrics: Metrics) => ({
  answers: metrics.counter('purser_rates_answers_total', 'Responses of price sources, by source and result', [
    'source',
    'result',
  ]),
  leftOut: metrics.counter(
    'purser_rates_left_out_total',
    'Prices of a source that were excluded because they differ from the others',
    ['source'],
  ),
  age: metrics.gauge('purser_rates_age_seconds', 'Age of the last good price of bitcoin in seconds; -1 without one'),
})
