import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import {
  createFolder,
  kill,
  notLinux,
  postmastersOf,
  processesIn,
  runPurser,
  startPurser,
  type PurserProcess,
} from './process.ts'
import { waitFor } from './wait.ts'

const options = { skip: notLinux, timeout: 120_000 }

async function open(t: TestContext): Promise<{ folder: string; dataDir: string; purser: PurserProcess }> {
  const folder = createFolder(t)
  const dataDir = join(folder, 'data')
  return { folder, dataDir, purser: await startPurser({ dataDir }) }
}

interface Created {
  readonly status: number
  readonly retryAfter: string | null
  readonly id: string
}

async function create({ url, key }: PurserProcess): Promise<Created> {
  const answer = await fetch(`${url}/api/v1/payments`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ amount: '1500.00', currency: 'KES' }),
  })
  const { id } = (await answer.json()) as { id: string }
  return { status: answer.status, retryAfter: answer.headers.get('retry-after'), id }
}

/** Pays on a phone that answers at once, and waits until the payment is paid: queues, relay and simulators run. */
async function pay(purser: PurserProcess): Promise<void> {
  const { id } = await create(purser)
  const headers = { authorization: `Bearer ${purser.key}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ method: 'mpesa', phone: '254700000001' })
  assert.equal(
    (await fetch(`${purser.url}/api/v1/payments/${id}/attempts`, { method: 'POST', headers, body })).status,
    201,
  )
  await waitFor('the payment to be paid', async () => {
    const answer = await fetch(`${purser.url}/api/v1/payments/${id}`, { headers })
    return answer.ok && ((await answer.json()) as { status: string }).status === 'paid'
  })
}

/** Waits until requests succeed, one after the other, and `isBack` is true. Every other answer must be 503 with a time to wait. */
async function recover(purser: PurserProcess, isBack = (): boolean => true): Promise<number> {
  let refused = 0
  let accepted = 0
  await waitFor('accepted payments', async () => {
    const { status, retryAfter } = await create(purser)
    accepted = status === 201 ? accepted + 1 : 0
    // Backends outlive the postmaster for a moment, and the restart after the end of a backend begins a moment later.
    if (status === 201) return accepted >= 20 && isBack()
    refused++
    assert.deepEqual([status, Number(retryAfter) > 0], [503, true])
    return false
  })
  return refused
}

void test(
  'PostgreSQL is killed while Purser runs: it is back within seconds, and everything resumes',
  options,
  async (t) => {
    const { folder, dataDir, purser } = await open(t)
    await pay(purser)
    await t.test('the postmaster alone', async () => {
      const postmaster = postmastersOf(dataDir)[0] ?? assert.fail()
      kill(postmaster, 'SIGKILL')
      const refused = await recover(purser)
      t.diagnostic(`${refused} requests were refused`)
      assert.notEqual(postmastersOf(dataDir)[0], postmaster)
      assert.equal(postmastersOf(dataDir).length, 1)
      await pay(purser)
    })
    await t.test('the postmaster and all backends', async () => {
      for (const pid of processesIn(folder)) if (pid !== purser.pid) kill(pid, 'SIGKILL')
      await recover(purser)
      assert.equal(postmastersOf(dataDir).length, 1)
      await pay(purser)
    })
    await t.test('one backend: PostgreSQL itself restarts all of them', async () => {
      const postmaster = postmastersOf(dataDir)[0] ?? assert.fail()
      const backend = processesIn(folder).find((pid) => pid !== purser.pid && pid !== postmaster) ?? assert.fail()
      kill(backend, 'SIGKILL')
      await recover(purser)
      assert.deepEqual(postmastersOf(dataDir), [postmaster])
      await pay(purser)
    })
    await t.test('Purser still owns the data folder, and health counts the restarts', async () => {
      const second = await runPurser(['start'], { dataDir })
      assert.deepEqual([second.code, /already runs/.test(second.stderr)], [1, true], second.stderr)
      const report = await waitFor('health', async () => {
        const answer = await fetch(`${purser.url}/health/detailed`)
        const body = (await answer.json()) as { status: string; checks: Record<string, { detail: object }> }
        return body.status === 'healthy' && body
      })
      assert.deepEqual(report.checks['postgres']?.detail, { restarts: 2 })
    })
    purser.kill('SIGTERM')
    assert.deepEqual(await purser.exited, { code: 0, signal: null })
    assert.deepEqual(processesIn(folder), [])
  },
)

void test('a stop right after PostgreSQL was killed ends everything', options, async (t) => {
  const { folder, dataDir, purser } = await open(t)
  kill(postmastersOf(dataDir)[0] ?? assert.fail(), 'SIGKILL')
  purser.kill('SIGTERM')
  assert.equal((await purser.exited).signal, null)
  await waitFor('everything to end', () => processesIn(folder).length === 0)
})

void test('PostgreSQL is shut down by an operator: Purser stops too, and the next start works', options, async (t) => {
  const { folder, dataDir, purser } = await open(t)
  await pay(purser)
  kill(postmastersOf(dataDir)[0] ?? assert.fail(), 'SIGINT')
  assert.equal((await purser.exited).code, 1)
  assert.match(purser.output(), /PostgreSQL has stopped/)
  await waitFor('everything to end', () => processesIn(folder).length === 0)
  await pay(await startPurser({ dataDir }))
})
