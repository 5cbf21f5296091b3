import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { inspect } from 'node:util'
import { z } from 'zod'
import { defineConfig, loadConfig, platformConfig, renderEnvExample, setting } from './config.ts'
import { AppError } from '../base/errors.ts'
import type { Secret } from '../base/secrets.ts'

const shopConfig = defineConfig(
  'shop',
  {
    key: setting('SHOP_KEY', z.string().min(4, 'at least 4 characters').optional(), {
      doc: 'The key of the shop.',
      secret: true,
      runtime: true,
      aliases: ['OLD_SHOP_KEY'],
    }),
    limit: setting('SHOP_LIMIT', z.coerce.number('a number').int().default(5), { doc: 'How many.' }),
    open: setting('SHOP_OPEN', z.stringbool('true or false').default(true), { doc: 'Whether it is open.' }),
  },
  {
    problems: (values) =>
      values.limit > 9 && !values.key ? ['SHOP_LIMIT is over 9 without SHOP_KEY: set SHOP_KEY'] : [],
  },
)
const specs = [platformConfig, shopConfig] as const

function fileWith(t: TestContext, text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'purser-config-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  writeFileSync(join(dir, '.env'), text)
  return join(dir, '.env')
}

function problemsOf(env: Record<string, string>, file?: string): string[] {
  try {
    loadConfig(specs, { env, file })
  } catch (error) {
    assert.ok(error instanceof AppError)
    assert.equal(error.code, 'platform.bad-config')
    return error.message.split('\n')
  }
  return []
}

void test('texts are parsed to typed, frozen values, with defaults for the rest', () => {
  const { config } = loadConfig(specs, { env: { PORT: '8080', SHOP_OPEN: 'false', SHOP_LIMIT: '' } })
  const port: number = config.platform.port
  const key: Secret | undefined = config.shop.key
  assert.deepEqual([port, key, config.shop.open, config.shop.limit], [8080, undefined, false, 5])
  assert.deepEqual(
    [config.platform.mode, config.platform.host, config.platform.logDir],
    ['sandbox', '127.0.0.1', 'data/logs'],
  )
  assert.throws(() => Object.assign(config.shop, { limit: 6 }), TypeError)
})

void test('the environment overrides the file, aliases are read, and test mode listens on all addresses', (t) => {
  const file = fileWith(t, 'PORT=1000\nOLD_SHOP_KEY=from-file # why\nPURSER_MODE=test\n')
  const { config, given } = loadConfig(specs, { env: { PORT: '2000' }, file })
  assert.equal(config.platform.port, 2000)
  assert.equal(config.shop.key?.reveal(), 'from-file')
  assert.equal(config.platform.host, '0.0.0.0')
  assert.deepEqual([...given.keys()].toSorted(), ['PORT', 'PURSER_MODE', 'SHOP_KEY'])
})

void test('the pool names of the guides are accepted', () => {
  const guides = { MAX_POOL_SIZE: '20', POOL_MIN: '5', POOL_IDLE: '10000', SERVER_SELECTION_TIMEOUT_MS: '4000' }
  const { platform } = loadConfig(specs, { env: guides }).config
  const { databasePoolMax, databasePoolMin, databasePoolIdleMs, databaseConnectTimeoutMs } = platform
  assert.deepEqual(
    [databasePoolMax, databasePoolMin, databasePoolIdleMs, databaseConnectTimeoutMs],
    [20, 5, 10_000, 4_000],
  )
  const { platform: standard } = loadConfig(specs, { env: {} }).config
  assert.deepEqual([standard.databaseConnectTimeoutMs, standard.databaseStatementTimeoutMs], [5_000, 30_000])
})

void test('a statement ends before the step of a loop that runs it', () => {
  assert.deepEqual(problemsOf({ DATABASE_STATEMENT_TIMEOUT_MS: '39000' }), [])
  assert.match(
    problemsOf({ DATABASE_STATEMENT_TIMEOUT_MS: '39001' }).join(),
    /^DATABASE_STATEMENT_TIMEOUT_MS=39001 is not valid.*39000/,
  )
})

void test('the database settings are secret, need DATABASE_URL, and know the modes of TLS', () => {
  const urls = ['DATABASE_OWNER_URL', 'DATABASE_DIRECT_URL']
  for (const name of urls) {
    assert.deepEqual(problemsOf({ [name]: 'postgres://u:hidden@h/d' }), [
      `${name} is set but DATABASE_URL is not. Set DATABASE_URL, or remove ${name}.`,
    ])
  }
  const [problem = ''] = problemsOf({ DATABASE_URL: 'postgres://u:hidden@h/d?sslmode=on' })
  assert.match(problem, /^DATABASE_URL is not valid: a URL whose sslmode is disable, allow/)
  assert.doesNotMatch(problem, /hidden/)
})

void test('a secret can be read from the file that NAME_FILE names; an unreadable file is a problem', (t) => {
  const path = fileWith(t, 'secret-in-file\n')
  assert.equal(loadConfig(specs, { env: { SHOP_KEY_FILE: path } }).config.shop.key?.reveal(), 'secret-in-file')
  assert.match(
    problemsOf({ SHOP_KEY_FILE: '/no/such/file' })[0] ?? '',
    /^SHOP_KEY_FILE names \/no\/such\/file, which cannot be read/,
  )
})

void test('all problems are reported at once, one line each, without secrets', () => {
  const problems = problemsOf({
    PORT: 'x',
    SHOP_KEY: 'abc',
    SHOP_LIMITS: '3',
    TRUST_PROXY: 'all',
  })
  assert.deepEqual(problems, [
    'SHOP_LIMITS is not a setting. Did you mean SHOP_LIMIT?',
    'PORT=x is not valid: a whole number from 0 to 65535',
    'TRUST_PROXY=all is not valid: none, the number of proxies (1 to 9), or their addresses: 10.0.0.0/8,loopback',
    'SHOP_KEY is not valid: at least 4 characters',
  ])
})

const LIVE = { PURSER_MODE: 'live', PUBLIC_URL: 'https://pay.example.com/' }

void test('live mode requires https, except on this machine alone', () => {
  assert.deepEqual(problemsOf(LIVE), [])
  assert.deepEqual(problemsOf({ PURSER_MODE: 'live' }), [
    'PUBLIC_URL is required with PURSER_MODE=live. Set it to the https:// address that payers and providers reach.',
  ])
  assert.deepEqual(problemsOf({ ...LIVE, PUBLIC_URL: 'http://pay.example.com' }), [
    'PUBLIC_URL=http://pay.example.com is not secure. It must start with https:// with PURSER_MODE=live.',
  ])
  for (const local of [{ HOST: '127.0.0.1' }, { PUBLIC_URL: 'http://localhost:3000' }])
    assert.deepEqual(problemsOf({ PURSER_MODE: 'live', ...local }), [])
})

void test('contradictory settings stop the start, and the error says what to set', () => {
  assert.deepEqual(problemsOf({ ...LIVE, PURSER_SANDBOX_KEY: 'sk_test_0123456789abcdef' }), [
    'PURSER_SANDBOX_KEY is set with PURSER_MODE=live. Remove it: it works only in the sandbox.',
  ])
  assert.deepEqual(problemsOf({ SHOP_LIMIT: '10' }), ['SHOP_LIMIT is over 9 without SHOP_KEY: set SHOP_KEY'])
  assert.deepEqual(problemsOf({ SHOP_KEY: 'aaaa', OLD_SHOP_KEY: 'bbbb' }), [
    'SHOP_KEY and OLD_SHOP_KEY are the same setting but differ. Keep one of them.',
  ])
  assert.equal(problemsOf({ DATABASE_POOL_MIN: '20' }).length, 1)
  assert.match(
    problemsOf({ DATABASE_POOL_MAX: '200' }).join(),
    /^DATABASE_POOL_MAX=200 is more than the embedded .* 40/,
  )
  assert.deepEqual(problemsOf({ DATABASE_POOL_MAX: '200', DATABASE_URL: 'postgres://localhost/purser' }), [])
})

void test('a web or worker process does not start on the embedded database', () => {
  for (const role of ['web', 'worker'])
    assert.match(
      problemsOf({ INSTANCE_TYPE: role }).join(),
      new RegExp(`^INSTANCE_TYPE=${role} needs DATABASE_URL, .*remove`),
    )
  assert.deepEqual(problemsOf({ INSTANCE_TYPE: 'web', DATABASE_URL: 'postgres://localhost/purser' }), [])
  assert.deepEqual(problemsOf({ INSTANCE_TYPE: 'all' }), [])
})

void test('an untrusted proxy in front of payers causes a warning', () => {
  const warningsOf = (env: Record<string, string>): string => loadConfig(specs, { env }).warnings.join()
  assert.equal(warningsOf({}), '')
  assert.match(warningsOf({ ...LIVE, SHOP_KEY: 'abcd' }), /^PUBLIC_URL is https but TRUST_PROXY is none, /)
  assert.equal(warningsOf({ ...LIVE, SHOP_KEY: 'abcd', TRUST_PROXY: '1' }), '')
})

void test('a typo in a name stops the start, other unknown names of Purser or of the file cause a warning', (t) => {
  const file = fileWith(t, 'COMPOSE_NAME=x\n')
  const { warnings } = loadConfig(specs, { env: { SHOP_COLOUR: 'red', HOME: '/root', NODE_OPTIONS: '' }, file })
  assert.equal(warnings.length, 2)
  assert.match(warnings[0] ?? '', /^SHOP_COLOUR is not a setting and is ignored \(the nearest is SHOP_/)
  assert.match(warnings[1] ?? '', /^COMPOSE_NAME in the \.env file is not a setting/)
  assert.deepEqual(problemsOf({ PURSER_MOED: 'live' }), ['PURSER_MOED is not a setting. Did you mean PURSER_MODE?'])
})

void test('live mode without provider keys starts with a warning; with a key without one', () => {
  assert.match(loadConfig(specs, { env: LIVE }).warnings.join(), /has no provider key/)
  const { warnings, config } = loadConfig(specs, { env: { ...LIVE, SHOP_KEY: 'abcd', TRUST_PROXY: '1' } })
  assert.deepEqual(warnings, [])
  assert.equal(config.platform.publicUrl, 'https://pay.example.com')
})

void test('provider keys without a mode cause a warning, because the sandbox starts', () => {
  const { warnings } = loadConfig(specs, { env: { SHOP_KEY: 'abcd' } })
  assert.match(warnings.join(), /^Provider keys are set but PURSER_MODE is not/)
  assert.deepEqual(loadConfig(specs, { env: { SHOP_KEY: 'abcd', PURSER_MODE: 'sandbox' } }).warnings, [])
})

void test('a config prints with its secrets scrubbed', () => {
  const loaded = loadConfig(specs, { env: { SHOP_KEY: 'canary-77', DATABASE_URL: 'postgres://a:canary-77@h/db' } })
  for (const text of [inspect(loaded, { depth: 9 }), JSON.stringify(loaded.config), String(loaded.config.shop.key)]) {
    assert.equal(text.includes('canary-77'), false)
  }
})

void test('.env.example contains every setting once, commented out, with its default', () => {
  const text = renderEnvExample(specs)
  const lines = text.split('\n')
  assert.ok(lines.every((line) => line === '' || line.startsWith('#')))
  for (const spec of specs) {
    for (const one of Object.values(spec.settings)) {
      assert.equal(lines.filter((line) => line.startsWith(`# ${one.name}=`)).length, 1, one.name)
    }
  }
  assert.ok(lines.includes('# SHOP_LIMIT=5') && lines.includes('# shop'))
})
