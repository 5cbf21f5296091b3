import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'

const PROGRAM = `import { waitForShutdown } from ${JSON.stringify(new URL('./shutdown.ts', import.meta.url).href)}
  setInterval(() => {}, 1000)
  const shutdown = waitForShutdown({ env: {} })
  console.log('listens')
  console.log(await shutdown)`

void test('a repeated Ctrl-C counts once; a later one stops the program at once', async (t) => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  let stderr = ''
  child.stderr.on('data', (data) => (stderr += String(data)))
  await once(child.stdout, 'data')
  child.kill('SIGINT')
  assert.equal(String((await once(child.stdout, 'data'))[0]), 'SIGINT\n')
  child.kill('SIGINT')
  child.kill('SIGTERM')
  await assert.rejects(once(child, 'exit', { signal: AbortSignal.timeout(300) }), 'the program must continue to drain')
  const again = setInterval(() => child.kill('SIGINT'), 100)
  assert.deepEqual(await ended, [1, null])
  clearInterval(again)
  assert.match(stderr, /^Stopped without waiting\. .*\n$/)
})
