import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createSetClock } from '../base/clock.ts'
import { AppError } from '../base/errors.ts'
import { createLog, createMemoryLog } from './log.ts'
import { openLogFile } from './log/file.ts'
import { renderLine } from './log/pretty.ts'
import { Secret } from '../base/secrets.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'purser-log-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

type Entry = Record<string, unknown>
const readLog = (path: string): Entry[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Entry)

void test('files contain JSON lines with lower-case levels, ISO times and stacks; error.log contains the errors', async (t) => {
  const dir = folder(t)
  const log = createLog({ dir, console: false, service: 'purser', version: '9.9.9', clock: createSetClock() })
  log.child({ module: 'payments' }).info({ paymentId: 'pay_1' }, 'payment created')
  log.error({ error: new AppError('x.broken', 500, 'It broke', { cause: new Error('inside') }) }, 'job failed')
  await log.close()
  const [created, failed] = readLog(join(dir, 'combined.log'))
  assert.deepEqual(created, {
    level: 'info',
    timestamp: '2026-01-15T09:00:00.000Z',
    service: 'purser',
    version: '9.9.9',
    module: 'payments',
    paymentId: 'pay_1',
    message: 'payment created',
  })
  const error = failed?.error as { code: string; stack: string; cause: { message: string } }
  assert.equal(error.code, 'x.broken')
  assert.match(error.stack, /log\.test\.ts/)
  assert.equal(error.cause.message, 'inside')
  assert.deepEqual(readLog(join(dir, 'error.log')), [failed])
})

void test('no secret reaches any file, in whatever field it is logged', async (t) => {
  const dir = folder(t)
  const log = createLog({ dir, console: false, level: 'trace' })
  const canary = 'canary-5f3a9c'
  const headers = { authorization: `Bearer ${canary}`, cookie: `a=${canary}`, 'x-odd': canary, host: 'localhost' }
  log.info({ config: { consumerKey: new Secret(canary) } }, 'start')
  log.info({ req: { id: 'req_1', url: `/pay?x=${canary}`, headers }, headers }, 'request')
  log.info(
    { password: canary, deep: { list: [{ apiKey: canary, client_secret: canary, accessToken: canary }] } },
    'keys',
  )
  log.info({ secret: { nested: [canary] }, cookies: [canary] }, 'nested')
  log.info({ note: `sk_live_${canary}`, other: `used sk_test_${canary} twice`, hook: `whsec_${canary}` }, 'prefixes')
  log.info({ path: `/api/webhook/mpesa/att_01.${canary}` }, 'callback')
  log.info({ url: `postgres://purser:${canary}@localhost/purser` }, `connecting to redis://:${canary}@localhost`)
  log.error({ error: new Error(`password=${canary}`, { cause: new Error(`Basic ${canary}`) }) }, 'failed')
  log.error(Object.assign(new Error('query failed'), { parameters: [canary], config: { auth: canary } }))
  log.info({ big: 'x'.repeat(40_000), password: canary }, 'long')
  await log.close()
  const texts = readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8'))
  assert.equal(
    texts.join('').includes(canary),
    false,
    texts.find((text) => text.includes(canary)),
  )
  assert.match(texts.join(''), /"host":"localhost"/)
  assert.equal(readLog(join(dir, 'combined.log')).length, 10)
})

void test('lines logged just before a crash are in the files', (t) => {
  const dir = folder(t)
  const script = `const { createLog } = await import(${JSON.stringify(new URL('./log.ts', import.meta.url).href)})
    const log = createLog({ dir: ${JSON.stringify(dir)}, console: false })
    log.info('one'); log.error('two'); log.info('three'); throw new Error('crash')`
  spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 20_000 })
  const messages = readLog(join(dir, 'combined.log')).map((entry) => entry.message)
  assert.deepEqual(messages, ['one', 'two', 'three'])
})

void test('a full file is rotated, and old files beyond the limit are removed', async (t) => {
  const dir = folder(t)
  const file = openLogFile(dir, 'x.log', { keep: 2, size: '1K' })
  for (let i = 0; i < 12; i++) {
    file.write(`${String(i).padEnd(600, '.')}\n`)
    await file.drain()
  }
  await file.close()
  const names = readdirSync(dir).filter((name) => !name.endsWith('.txt'))
  assert.deepEqual(names.toSorted(), ['x.log', 'x.log.1', 'x.log.2'])
})

void test('an unwritable folder stops the start', (t) => {
  const dir = folder(t)
  writeFileSync(join(dir, 'file'), '')
  assert.throws(() => createLog({ dir: join(dir, 'file', 'logs'), console: false }), {
    code: 'platform.log-unwritable',
  })
})

void test('a later disk error drops lines, is reported once, and does not end the program', async (t) => {
  const dir = join(folder(t), 'logs')
  const reports: string[] = []
  const file = openLogFile(dir, 'x.log', { keep: 1, size: '1K' }, (line) => void reports.push(line))
  file.write('kept\n')
  await file.drain()
  rmSync(dir, { recursive: true, force: true })
  writeFileSync(dir, 'in the way')
  for (let i = 0; i < 5; i++) {
    file.write(`${'.'.repeat(600)}\n`)
    await file.drain()
  }
  await file.close()
  assert.equal(reports.length, 1)
  assert.match(reports[0] ?? '', /x\.log cannot be written/)
})

void test('createMemoryLog keeps scrubbed entries', () => {
  const log = createMemoryLog()
  log.child({ module: 'x' }).warn({ securityEvent: 'forged-callback', token: 'abc' }, 'security event')
  assert.equal(log.entries[0]?.token, '[secret]')
  assert.equal(log.entries[0]?.securityEvent, 'forged-callback')
  assert.equal(log.entries[0]?.module, 'x')
})

void test('a line on a terminal is short', () => {
  const line = {
    level: 'info',
    timestamp: '2026-01-15T09:00:00.000Z',
    service: 'purser',
    module: 'http',
    ms: 3,
    message: 'request done',
  }
  // oxlint-disable-next-line no-control-regex -- colours
  const plain = renderLine(JSON.stringify(line)).replace(/\u001b\[\d+m/g, '')
  assert.equal(plain, '09:00:00 info  http request done ms=3\n')
})
