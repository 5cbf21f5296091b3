import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { createFolder, notLinux, startPurser } from './process.ts'
import { waitFor } from './wait.ts'

/** Requests at once. */
const LANES = 10
const skip = notLinux || (spawnSync('prlimit', ['--version']).error ? 'no prlimit on this machine' : false)

test('a low limit of open files is reported at the start', { skip }, async (t) => {
  const folder = createFolder(t)
  const program = join(import.meta.dirname, '../bin/purser.js')
  const child = spawn('prlimit', ['--nofile=256:256', process.execPath, program, 'start'], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', DATA_DIR: join(folder, 'data'), PORT: '0' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  t.after(() => child.kill('SIGTERM'))
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await waitFor(
    'the warning',
    () => /may open only 256 files and connections, and needs \d+.*ulimit -n/.test(said),
    30_000,
  )
})

test('a process without free descriptors answers 503 with a time to wait, and recovers', { skip }, async (t) => {
  const env = { DATABASE_POOL_IDLE_MS: '1000' }
  const purser = await startPurser({ dataDir: join(createFolder(t), 'data'), env })
  // Connections from before the shortage, because none can be accepted during it.
  const agent = new Agent({ keepAlive: true, maxSockets: LANES })
  t.after(() => agent.destroy())
  const call = (
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; retryAfter: number; body: any }> =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${purser.key}`, 'content-type': 'application/json' }
      const sent = request(purser.url + path, { method, agent, headers }, (answer) => {
        let text = ''
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()))
        const { statusCode: status = 0 } = answer
        answer.on('end', () =>
          resolve({ status, retryAfter: Number(answer.headers['retry-after']), body: JSON.parse(text) }),
        )
      })
      sent.on('error', reject).end(body && JSON.stringify(body))
    })
  const payment = { amount: '1500.00', currency: 'KES' }
  const limitTo = (count: number): unknown => spawnSync('prlimit', [`--pid=${purser.pid}`, `--nofile=${count}:`])
  const createAll = () => Promise.all(Array.from({ length: LANES }, () => call('POST', '/api/v1/payments', payment)))
  for (const { status } of await createAll()) assert.equal(status, 201)
  await waitFor('idle connections of the database to close', async () => {
    const { body } = await call('GET', '/health/db')
    return body.detail.connections < LANES / 2
  })
  // Every number below is taken, so no descriptor can be opened.
  limitTo(16)
  const answers = await createAll()
  for (const { status, retryAfter, body } of answers)
    assert.ok(status === 201 || (status === 503 && retryAfter > 0), `${status} ${JSON.stringify(body)}`)
  assert.ok(answers.some(({ status }) => status === 503))
  limitTo(4096)
  await waitFor(
    'a payment to be paid',
    async () => {
      const { body } = await call('POST', '/api/v1/payments', payment)
      await call('POST', `/api/v1/payments/${body.id}/attempts`, { method: 'mpesa', phone: '254700000001' })
      return waitFor(
        'paid',
        async () => (await call('GET', `/api/v1/payments/${body.id}`)).body.status === 'paid',
        5_000,
      ).catch(() => false as const)
    },
    60_000,
  )
})
