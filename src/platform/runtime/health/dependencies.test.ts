import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { waitFor } from '../../../../test/wait.ts'
import { addMs, createSetClock, systemClock } from '../../base/clock.ts'
import { Secret } from '../../base/secrets.ts'
import { silentLog } from '../../observe/log.ts'
import { createLimits } from '../../web/limits.ts'
import { descriptorsCheck, diskCheck, embeddedCheck, redisCheck } from '../health.ts'

const redisMissing = spawnSync('redis-server', ['--version']).error ? 'no redis-server on this machine' : false

test(
  'Redis: degraded from the moment it is away, with that moment, and healthy when it is back',
  { skip: redisMissing },
  async (t) => {
    const port = 20_000 + ((process.pid + 7) % 20_000)
    const start = (): ChildProcess =>
      spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], { stdio: 'ignore' })
    const limits = createLimits({ redisUrl: new Secret(`redis://127.0.0.1:${port}`), log: silentLog })
    t.after(() => limits.close())
    const { check } = redisCheck({ limits, clock: systemClock })
    const becomes = (status: string): Promise<unknown> =>
      waitFor(`Redis to be ${status}`, async () => (await check()).status === status)
    const rule = { points: 1, windowMs: 60_000 }
    assert.equal((await check()).status, 'degraded', 'before the first connection')
    let redis = start()
    t.after(() => redis.kill('SIGKILL'))
    await becomes('healthy')
    assert.deepEqual(await check(), { status: 'healthy' })

    const beforeKill = systemClock.now()
    redis.kill('SIGKILL')
    await becomes('degraded')
    const { detail } = await check()
    assert.equal(detail?.['problem'], 'unreachable')
    const since = new Date(String(detail?.['since'])).getTime()
    assert.ok(since >= addMs(beforeKill, -50).getTime() && since <= systemClock.now().getTime())
    assert.equal((await limits.take('alone', 'a', rule)).ok, true, 'requests are still limited, by this process alone')
    assert.equal((await limits.take('alone', 'a', rule)).ok, false)
    redis = start()
    await becomes('healthy')
    // A Redis that does not answer is away too.
    redis.kill('SIGSTOP')
    await becomes('degraded')
    redis.kill('SIGCONT')
    await becomes('healthy')
  },
)

test('disk: unhealthy for half a minute after PostgreSQL refused a write for lack of space', async () => {
  const clock = createSetClock()
  const db = { recentDiskFull: clock.now() }
  const { check } = diskCheck({ db, clock, dataDir: tmpdir(), embedded: false })
  const { status, detail } = await check()
  assert.deepEqual([status, detail?.['problem']], ['unhealthy', 'PostgreSQL has no space left'])
  clock.advance(31_000)
  assert.equal((await check()).detail?.['problem'], undefined)
})

test('embedded PostgreSQL: unhealthy with a code while it cannot be started again', async () => {
  const problem = 'platform.postgres-disk-full'
  assert.deepEqual(await embeddedCheck(() => ({ restarts: 3, problem })).check(), {
    status: 'unhealthy',
    detail: { restarts: 3, problem },
  })
  assert.equal((await embeddedCheck(() => ({ restarts: 3, problem: undefined })).check()).status, 'healthy')
})

test(
  'file descriptors: the check reports what is open and the limit',
  { skip: process.platform !== 'linux' },
  async () => {
    const { status, detail } = await descriptorsCheck.check()
    assert.equal(status, 'healthy')
    assert.ok(Number(detail?.['open']) > 3 && Number(detail?.['limit']) > Number(detail?.['open']))
  },
)
