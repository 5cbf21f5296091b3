import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitFor } from '../../../../test/wait.ts'
import { createMemoryLog, silentLog } from '../../observe/log.ts'
import { createLoop, listSilentLoops } from './loop.ts'

const never = (): Promise<never> => new Promise(() => undefined)

test('a step that hangs fails at its deadline, and its late end changes nothing', async () => {
  const log = createMemoryLog()
  const first = Promise.withResolvers<boolean>()
  const signals: AbortSignal[] = []
  const loop = createLoop({
    name: 'trial',
    everyMs: 60_000,
    limitMs: 30,
    log,
    step: (signal) => {
      signals.push(signal)
      return signals.length === 1 ? first.promise : Promise.resolve(false)
    },
  })
  loop.start()
  await waitFor('the second step', () => signals.length === 2 && loop.failures === 0)
  assert.deepEqual(
    signals.map(({ aborted }) => aborted),
    [true, false],
  )
  assert.ok(log.entries.some(({ message }) => message === 'loop step failed; retrying'))
  // The late end of the first step asks for another step at once.
  first.resolve(true)
  loop.wake()
  await waitFor('the woken step', () => signals.length === 3)
  await loop.stop()
  assert.equal(signals.length, 3)
})

test('only a started loop that neither begins nor fails a step is silent', async () => {
  const log = silentLog
  const hung = createLoop({ name: 'hung', everyMs: 1, limitMs: 60_000, log, step: never })
  const failing = createLoop({ name: 'failing', everyMs: 1, log, step: () => Promise.reject(new Error('no database')) })
  const abandoning = createLoop({ name: 'abandoning', everyMs: 1, limitMs: 20, log, step: never })
  const pausing = createLoop({ name: 'pausing', everyMs: 60_000, log, step: () => Promise.resolve(false) })
  const loops = [hung, failing, abandoning, pausing]
  assert.deepEqual(listSilentLoops(0), [])
  for (const loop of loops) loop.start()
  await waitFor('the hung loop to be silent', () => listSilentLoops(1_000).includes('hung'))
  assert.deepEqual(listSilentLoops(1_000), ['hung'])
  void hung.stop()
  assert.deepEqual(listSilentLoops(1_000), [])
  for (const loop of [failing, pausing]) await loop.stop()
  void abandoning.stop()
})
