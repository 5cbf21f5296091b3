import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import {
  createFolder,
  notLinux,
  postmastersOf,
  processesIn,
  runPurser,
  UNKNOWN_UID,
  startPurser,
  unreadable,
  type PurserProcess,
} from './process.ts'
import { waitFor } from './wait.ts'

const options = { skip: notLinux }
const run = promisify(execFile)

function dataDirOf(t: TestContext): { folder: string; dataDir: string } {
  const folder = createFolder(t)
  return { folder, dataDir: join(folder, 'data') }
}

async function stop(purser: PurserProcess, folder: string): Promise<void> {
  purser.kill('SIGTERM')
  assert.deepEqual(await purser.exited, { code: 0, signal: null })
  assert.deepEqual(processesIn(folder), [], 'nothing is left running')
}

const create = (purser: PurserProcess, key: string, amount = '10.00'): Promise<Response> =>
  fetch(`${purser.url}/api/v1/payments`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${purser.key}`,
      'content-type': 'application/json',
      'idempotency-key': key,
    },
    body: JSON.stringify({ amount, currency: 'KES' }),
  })

/** Checks that the command exits with 1 and prints one line that matches. */
async function assertRefused(refused: ReturnType<typeof runPurser>, line: RegExp): Promise<void> {
  const { code, stdout, stderr } = await refused
  assert.equal(code, 1, stderr)
  assert.equal(stdout, '')
  assert.match(stderr, line)
  assert.equal(stderr.trimEnd().split('\n').length, 1, `one line: ${stderr}`)
}

void test('first start: one command in an empty folder, and its printed instructions work', options, async (t) => {
  const { folder, dataDir } = dataDirOf(t)
  const purser = await startPurser({ dataDir })
  assert.equal((await fetch(`${purser.url}/health`)).status, 200)
  assert.match(purser.output(), /sandbox: all providers are simulated, and no real money moves/)
  for (const path of ['/', '/docs', '/sandbox', '/demo']) {
    assert.match(purser.output(), new RegExp(`${purser.url}${path}\n`))
    assert.equal((await fetch(purser.url + path)).status, 200, path)
  }
  const [curl = ''] = /curl (?:.*\\\n)*.*/.exec(purser.output()) ?? []
  const { stdout } = await run('/bin/sh', ['-c', curl.replace('curl', 'curl --silent --show-error')])
  const payment = JSON.parse(stdout) as { id: string; amount: string; status: string; livemode: boolean }
  assert.match(payment.id, /^pay_/)
  assert.deepEqual([payment.amount, payment.status, payment.livemode], ['1500.00', 'open', false])
  await t.test('a second start reports the running program, which continues', async () => {
    await assertRefused(runPurser(['start'], { dataDir }), /^Purser already runs on .*data\. .*DATA_DIR and PORT/)
    assert.equal((await create(purser, 'after the second start')).status, 201)
    assert.equal(postmastersOf(dataDir).length, 1)
  })
  await t.test('commands connect to the running program', async () => {
    const asked = await runPurser(['db', 'sql', 'select count(*) from payments.intents'], { dataDir })
    assert.equal(asked.code, 0, asked.stderr)
    assert.match(asked.stdout, /count\n3\nSELECT 1/)
    const { stdout: url } = await runPurser(['db', 'url'], { dataDir })
    assert.match(url, /^postgresql:\/\/purser_app:.*\/purser\n$/)
    const verified = await runPurser(['ledger', 'verify'], { dataDir })
    assert.deepEqual([verified.code, /The ledger is intact/.test(verified.stdout)], [0, true], verified.stderr)
    const checked = await runPurser(['check'], { dataDir })
    assert.deepEqual([checked.code, /All \d+ invariants hold/.test(checked.stdout)], [0, true], checked.stderr)
    const helped = await runPurser(['--help'], { dataDir })
    assert.deepEqual([helped.code, /ledger .*\n/.test(helped.stdout)], [0, true])
    assert.equal((await create(purser, 'after the commands')).status, 201)
    assert.equal(postmastersOf(dataDir).length, 1)
  })
  await t.test('the log is written to files without secrets', () => {
    const log = readFileSync(join(dataDir, 'logs', 'combined.log'), 'utf8')
    assert.match(log, /"route":"\/api\/v1\/payments"/)
    assert.ok(!log.includes(purser.key))
    assert.equal(statSync(join(dataDir, 'master.key')).mode & 0o077, 0)
    assert.equal(statSync(dataDir).mode & 0o777, 0o700)
  })
  await stop(purser, folder)
})

void test('data and key survive a restart; PURSER_SANDBOX_KEY sets the key', options, async (t) => {
  const { folder, dataDir } = dataDirOf(t)
  const first = await startPurser({ dataDir })
  const made = (await (await create(first, 'once')).json()) as { id: string }
  await stop(first, folder)
  const second = await startPurser({ dataDir })
  assert.equal(second.key, first.key)
  const again = await create(second, 'once')
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.equal(((await again.json()) as { id: string }).id, made.id)
  await stop(second, folder)
  const third = await startPurser({ dataDir, env: { PURSER_SANDBOX_KEY: 'sk_test_of-my-own' } })
  assert.equal(third.key, 'sk_test_of-my-own')
  const { status } = await create(third, 'once')
  assert.equal(status, 201)
  assert.equal((await create({ ...third, key: first.key }, 'old key')).status, 401)
  await stop(third, folder)
})

void test('ambiguous settings are reported at start, also in production', options, async (t) => {
  const { folder, dataDir } = dataDirOf(t)
  const purser = await startPurser({ dataDir, env: { MPESA_CONSUMER_KEY: 'a-key' } })
  assert.match(purser.output(), /^Provider keys are set but PURSER_MODE is not\. The sandbox ignores/m)
  await stop(purser, folder)
})

void test('Ctrl-C ends everything, PostgreSQL included, however often it is pressed', options, async (t) => {
  const { folder, dataDir } = dataDirOf(t)
  const purser = await startPurser({ dataDir })
  assert.ok(processesIn(folder).length > 3)
  // npm forwards Ctrl-C to its child, which has already received it.
  purser.kill('SIGINT', 'group')
  purser.kill('SIGINT', 'group')
  await waitFor('the port to be refused', () =>
    fetch(`${purser.url}/health`).then(
      () => false,
      () => true,
    ),
  )
  purser.kill('SIGINT', 'group')
  assert.deepEqual(await purser.exited, { code: 0, signal: null })
  assert.deepEqual(processesIn(folder), [])
})

void test('npm start: Ctrl-C in its terminal and SIGTERM to npm alone end everything', options, async (t) => {
  const { folder, dataDir } = dataDirOf(t)
  for (const [signal, to] of [
    ['SIGINT', 'group'],
    ['SIGTERM', 'npm'],
  ] as const) {
    const child = spawn('npm', ['start', '--prefix', join(import.meta.dirname, '..')], {
      cwd: folder,
      env: { ...process.env, NODE_ENV: 'production', DATA_DIR: dataDir, PORT: '0', HOME: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    })
    const closed = new Promise((done) => child.once('close', done))
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await waitFor('npm start to run the program', () => said.includes('Ctrl-C stops'), 30_000)
    process.kill(to === 'group' ? -(child.pid ?? 0) : (child.pid ?? 0), signal)
    await closed
    await waitFor('everything to end', () => processesIn(folder).length === 0)
  }
})

void test('two programs with separate folders run side by side', options, async (t) => {
  const [one, two] = [dataDirOf(t), dataDirOf(t)]
  const [first, second] = await Promise.all([startPurser(one), startPurser(two)])
  assert.notEqual(first.url, second.url)
  assert.notEqual(first.key, second.key)
  assert.equal((await create(first, 'a')).status, 201)
  assert.equal((await create(second, 'a')).status, 201)
  assert.equal((await create({ ...first, key: second.key }, 'b')).status, 401)
  await stop(first, one.folder)
  assert.equal((await create(second, 'c')).status, 201)
  await stop(second, two.folder)
})

void test(
  'a command works as the owner of the data, also without an entry in /etc/passwd',
  { skip: notLinux || (process.getuid?.() !== 0 && 'needs root') || unreadable },
  async (t) => {
    const { folder, dataDir } = dataDirOf(t)
    await stop(await startPurser({ dataDir }), folder)
    await run('chown', ['-R', `${UNKNOWN_UID}:${UNKNOWN_UID}`, folder])
    const { code, stdout, stderr } = await runPurser(['merchant', 'create', 'Duka'], { dataDir })
    assert.equal(code, 0, stderr)
    const audit = await runPurser(['db', 'sql', 'select actor_id from identity.audit order by 1'], { dataDir })
    assert.match(audit.stdout, new RegExp(`uid ${UNKNOWN_UID}`), stdout + audit.stderr)
  },
)

void test('a failed start prints the reason in one line', options, async (t) => {
  const { folder, dataDir } = dataDirOf(t)
  await t.test('a command without a running program creates nothing', async () => {
    for (const args of [['ledger', 'verify'], ['check'], ['db', 'sql', 'select 1']])
      await assertRefused(runPurser(args, { dataDir }), /data has no Purser database\. Set DATA_DIR/)
    assert.ok(!existsSync(dataDir))
  })
  await t.test('the port is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await waitFor('the other server', () => other.listening)
    const { port } = other.address() as AddressInfo
    await assertRefused(runPurser(['start'], { dataDir, port }), /^Port \d+ on 127\.0\.0\.1 is used by another program/)
    other.close()
    assert.deepEqual(processesIn(folder), [])
  })
  await t.test('the database belongs to another mode', async () => {
    const env = { PURSER_MODE: 'live', HOST: '127.0.0.1' }
    await assertRefused(
      runPurser(['start'], { dataDir, env }),
      /belongs to mode sandbox and cannot run in mode live\. Set/,
    )
    assert.deepEqual(processesIn(folder), [])
  })
  await t.test('invalid settings: one line each', async () => {
    const env = { PORT: 'http', LOG_LEVEL: 'loud', PURSER_MODUS: 'live', PURSER_SANDBOX_KEY: 'sk_live_x' }
    const { code, stdout, stderr } = await runPurser(['start'], { dataDir, env })
    assert.deepEqual([code, stdout], [1, ''])
    const lines = stderr.trimEnd().split('\n')
    assert.equal(lines.length, 4, stderr)
    for (const name of Object.keys(env))
      assert.ok(
        lines.some((line) => line.includes(name)),
        `${name}: ${stderr}`,
      )
    assert.ok(!stderr.includes('sk_live_x'))
  })
  await t.test('the sandbox key is set in live mode', async () => {
    const env = { PURSER_MODE: 'live', HOST: '127.0.0.1', PURSER_SANDBOX_KEY: 'sk_test_x' }
    await assertRefused(runPurser(['start'], { dataDir, env }), /PURSER_SANDBOX_KEY .*only in the sandbox/)
  })
  await t.test('the folder is not writable', async () => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    await assertRefused(runPurser(['start'], { dataDir: join(file, 'data'), cwd: folder }), /file\/data/)
    if (process.getuid?.() === 0) return
    const locked = join(folder, 'locked')
    mkdirSync(locked)
    chmodSync(locked, 0o555)
    await assertRefused(runPurser(['start'], { dataDir: join(locked, 'data'), cwd: folder }), /locked\/data/)
    assert.ok(!existsSync(join(locked, 'data')))
  })
})
