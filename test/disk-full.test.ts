import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, rmSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createFolder, notLinux, postmastersOf, startPurser, type PurserProcess } from './process.ts'
import { waitFor } from './wait.ts'

const options = { skip: notLinux, timeout: 180_000 }
const MEGABYTE = 1024 * 1024

/** Mounts a small file system in memory. Returns why it cannot, or undefined. */
function mountSmall(path: string): string | undefined {
  mkdirSync(path, { mode: 0o700 })
  const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=500m,mode=0700', 'tmpfs', path], {
    encoding: 'utf8',
  })
  if (status !== 0) return `this system mounts no small file system: ${error?.message ?? stderr.trim()}`
  return undefined
}

const freeOf = (path: string): number => {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Fills the file system except for the given size. */
function fill(folder: string, leave: number): void {
  for (const block of [MEGABYTE, 4096])
    for (let free = freeOf(folder); free - block >= leave; free = freeOf(folder)) {
      try {
        appendFileSync(join(folder, 'ballast'), Buffer.alloc(block))
      } catch {
        break
      }
    }
}

interface Answer {
  readonly status: number
  readonly retryAfter: number
  readonly body: any
}

async function post({ url, key }: PurserProcess, path: string, body: object): Promise<Answer> {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return { status: answer.status, retryAfter: Number(answer.headers.get('retry-after')), body: await answer.json() }
}

const diskOf = async ({ url }: PurserProcess): Promise<any> => {
  const { checks } = (await (await fetch(`${url}/health/detailed`)).json()) as any
  return checks.disk
}

const payment = { amount: '1500.00', currency: 'KES', metadata: { note: 'x'.repeat(400) } }

test(
  'a full disk: requests are told to wait, health names it, and everything resumes when there is room',
  options,
  async (t) => {
    const dataDir = join(createMounted(t), 'data')
    const why = mountSmall(dataDir)
    if (why !== undefined) return t.skip(why)
    const purser = await startPurser({ dataDir })
    const health = (status: string): Promise<any> =>
      waitFor(`health of the disk to be ${status}`, async () => {
        const disk = await diskOf(purser)
        return disk?.status === status && disk
      })
    await health('healthy')
    fill(dataDir, 100 * MEGABYTE)
    const low = await health('degraded')
    assert.ok(low.detail.freeMegabytes <= 100)
    assert.equal((await post(purser, '/api/v1/payments', payment)).status, 201)

    fill(dataDir, 0)
    const refused = await waitFor(
      'a refused payment',
      async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, () => post(purser, '/api/v1/payments', payment)))
        fill(dataDir, 0)
        for (const { status, retryAfter, body } of answers)
          assert.ok(status === 201 || (status === 503 && retryAfter > 0), `${status}: ${JSON.stringify(body)}`)
        return answers.find(({ status }) => status === 503)
      },
      60_000,
    )
    assert.equal(refused.body.error.code, 'unavailable')
    assert.equal((await health('unhealthy')).detail.freeMegabytes, 0)

    rmSync(join(dataDir, 'ballast'))
    await waitFor('payments', async () => (await post(purser, '/api/v1/payments', payment)).status === 201, 60_000)
    await waitFor('everything to resume', async () => {
      const { body } = await post(purser, '/api/v1/payments', payment)
      const attempt = await post(purser, `/api/v1/payments/${body.id}/attempts`, {
        method: 'mpesa',
        phone: '254700000001',
      })
      return attempt.status === 201
    })
    await waitFor(
      'health',
      async () => (await (await fetch(`${purser.url}/health`)).text()).includes('"healthy"'),
      90_000,
    )
    assert.equal(postmastersOf(dataDir).length, 1)
    purser.kill('SIGTERM')
    assert.deepEqual(await purser.exited, { code: 0, signal: null })
  },
)

/** Creates a folder whose content is unmounted before it is removed. */
function createMounted(t: TestContext): string {
  const ends: (() => Promise<void>)[] = []
  const folder = createFolder({ after: (end) => void ends.push(end) })
  t.after(async () => {
    spawnSync('umount', ['--lazy', join(folder, 'data')])
    for (const end of ends) await end()
  })
  return folder
}
