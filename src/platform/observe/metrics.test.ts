import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMetrics } from './metrics.ts'

void test('metrics are in a separate registry, and a repeated name returns the same metric', async () => {
  const [one, two] = [createMetrics({ defaults: false }), createMetrics({ defaults: false })]
  one.counter('purser_tests_total', 'Tests.', ['kind']).inc({ kind: 'unit' })
  one.counter('purser_tests_total', 'Tests.', ['kind']).inc({ kind: 'unit' })
  one.gauge('purser_open', 'Open.').set(3)
  one.histogram('purser_seconds', 'Time.', ['route'], [0.1, 1]).observe({ route: '/' }, 0.5)
  const text = await one.registry.metrics()
  assert.match(text, /purser_tests_total\{kind="unit"\} 2/)
  assert.match(text, /purser_open 3/)
  assert.match(text, /purser_seconds_bucket\{le="1",route="\/"\} 1/)
  assert.equal((await two.registry.metrics()).includes('purser_tests_total'), false)
})

void test('metrics of the process are included by default', async () => {
  assert.match(await createMetrics().registry.metrics(), /process_resident_memory_bytes \d/)
})
