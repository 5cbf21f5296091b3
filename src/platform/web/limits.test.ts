import { createClient } from '@redis/client'
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { toAddressKey, createLimits } from './limits.ts'
import { createMemoryLog, silentLog } from '../observe/log.ts'
import { Secret } from '../base/secrets.ts'
import { waitFor } from '../../../test/wait.ts'

const rule = { points: 3, windowMs: 60_000 }
const once = { points: 1, windowMs: 60_000 }

void test('a window allows its points and no more, also concurrently; each name and key counts separately', async () => {
  const limits = createLimits({ log: silentLog })
  const answers = await Promise.all(Array.from({ length: 20 }, () => limits.take('prompts', '254700000001', rule)))
  assert.equal(answers.filter(({ ok }) => ok).length, 3)
  const refused = answers.find(({ ok }) => !ok)
  assert.ok(refused && refused.retryAfterSeconds > 50 && refused.retryAfterSeconds <= 60)
  assert.equal((await limits.take('prompts', '254700000002', rule)).ok, true)
  assert.equal((await limits.take('declines', '254700000001', rule)).ok, true)
})

void test('require throws 429 with Retry-After', async () => {
  const limits = createLimits({ log: silentLog })
  await limits.require('reads', 'a', { points: 1, windowMs: 30_000 })
  await assert.rejects(limits.require('reads', 'a', { points: 1, windowMs: 30_000 }), {
    code: 'rate-limited',
    status: 429,
    retryAfterSeconds: 30,
  })
})

void test('points are available again after the window', async () => {
  const limits = createLimits({ log: silentLog })
  const short = { points: 1, windowMs: 50 }
  await limits.take('short', 'a', short)
  await waitFor('the next window', async () => (await limits.take('short', 'a', short)).ok)
})

void test('all addresses of an IPv6 /64 share one key', () => {
  assert.equal(toAddressKey('2001:db8:1:2:aaaa::1'), toAddressKey('2001:db8:1:2:bbbb:cccc:dddd:eeee'))
  assert.notEqual(toAddressKey('2001:db8:1:2::1'), toAddressKey('2001:db8:1:3::1'))
  assert.equal(toAddressKey('203.0.113.7'), '203.0.113.7')
  assert.equal(toAddressKey('::ffff:203.0.113.7'), '203.0.113.7')
  assert.equal(toAddressKey('unknown'), 'unknown')
})

const redisMissing = spawnSync('redis-server', ['--version']).error && 'no redis-server on this machine'

test(
  'instances share their counts through Redis, and count for themselves while it is away',
  { skip: redisMissing ?? false },
  async () => {
    const port = 20_000 + (process.pid % 20_000)
    const redis = spawn('redis-server', ['--port', String(port), '--bind', '127.0.0.1', '--save', ''], {
      stdio: 'ignore',
    })
    const redisUrl = new Secret(`redis://127.0.0.1:${port}`)
    const log = createMemoryLog()
    const [one, two] = [createLimits({ redisUrl, log }), createLimits({ redisUrl, log: silentLog })]
    try {
      await waitFor('shared counts', async () => {
        const key = randomUUID()
        await one.take('shared', key, { points: 1, windowMs: 60_000 })
        return !(await two.take('shared', key, once)).ok
      })
      const client = createClient({ url: redisUrl.reveal() })
      client.on('error', () => undefined)
      await client.connect()
      const keys = await client.keys('*')
      assert.ok(keys.length > 0 && keys.every((key) => key.startsWith('rate_limit:shared:')), keys.join())
      assert.ok((await client.ttl(keys[0] ?? '')) > 0, 'each key expires')
      client.destroy()
      redis.kill('SIGKILL')
      await waitFor('the warning that Redis is unreachable', () =>
        log.entries.some(({ message }) => String(message).startsWith('redis is unreachable')),
      )
      assert.equal((await one.take('alone', 'a', once)).ok, true)
      assert.equal((await one.take('alone', 'a', once)).ok, false)
      assert.equal((await two.take('alone', 'a', once)).ok, true)
    } finally {
      redis.kill('SIGKILL')
      one.close()
      two.close()
    }
  },
)
