import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { letTimePass } from '../../../test/wait.ts'
import { withDeadline } from './deadline.ts'

const never = (): Promise<never> => new Promise(() => undefined)

test('work past its deadline is abandoned and its signal aborts', async () => {
  let signal: AbortSignal | undefined
  const work = withDeadline({ name: 'Trial', limitMs: 20 }, (given) => {
    signal = given
    return never()
  })
  const held = setInterval(() => undefined, 1_000)
  await assert.rejects(work, { code: 'platform.deadline-exceeded', message: /^Trial did not end within 0.02 s/ })
  clearInterval(held)
  assert.equal(signal?.aborted, true)
})

test('work within its deadline gives its result or its error, and an abort from outside reaches it', async () => {
  assert.equal(await withDeadline({ name: 'Trial', limitMs: 10_000 }, () => Promise.resolve(1)), 1)
  await assert.rejects(
    withDeadline({ name: 'Trial', limitMs: 10_000 }, () => Promise.reject(new Error('own'))),
    /own/,
  )
  const outer = new AbortController()
  const work = withDeadline({ name: 'Trial', limitMs: 10_000, signal: outer.signal }, async (signal) => {
    await once(signal, 'abort')
    return String(signal.reason)
  })
  outer.abort(new Error('The process stops'))
  assert.match(await work, /The process stops/)
})

test('a process that was stopped past a deadline gets time to end its work', async () => {
  const program = `
    import { withDeadline } from ${JSON.stringify(new URL('./deadline.ts', import.meta.url).href)}
    const told = new Promise((resolve) => process.stdin.once('data', resolve))
    const work = withDeadline({ name: 'Trial', limitMs: 4_500 }, () => told)
    console.log('started')
    await work.then(() => console.log('ended'), (e) => console.log(e.code))
    process.exit()`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => undefined)
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await once(child.stdout, 'data')
  child.kill('SIGSTOP')
  await letTimePass(5_500)
  child.kill('SIGCONT')
  // An answer right after the stop would be read before the timers run.
  await letTimePass(300)
  child.stdin.write('now\n')
  await once(child, 'close')
  assert.match(said, /ended/)
})
