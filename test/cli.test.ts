import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join, relative, resolve } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createFolder, notLinux, runPurser, startPurser } from './process.ts'

/** Prints each file that Node loads to stderr. */
const TRACE = `import { registerHooks } from 'node:module'
registerHooks({ load(url, context, next) { console.error('loads', url); return next(url, context) } })`

/** Returns the files that a command loads, relative to the checkout. */
function filesOf(...words: string[]): string[] {
  const trace = `--import=data:text/javascript,${encodeURIComponent(TRACE)}`
  const { status, stderr } = spawnSync(process.execPath, [trace, 'bin/purser.js', ...words], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return [...stderr.matchAll(/^loads (file:.*)$/gm)].map(([, url = '']) => relative(resolve(), fileURLToPath(url)))
}

void test('--help loads the command names and none of their code', () => {
  const files = filesOf('--help')
  const light =
    /^(bin\/|src\/(cli|commands|[^/]+\/commands)\.ts$|src\/platform\/(process\/commands|runtime\/lazy-command|base\/(errors|version))\.ts$|node_modules\/(commander\/|node-[^/]+\/package\.json$))/
  assert.deepEqual(
    files.filter((path) => !light.test(path)),
    [],
  )
  assert.ok(files.includes('src/identity/commands.ts'))
})

void test('both forms of a group’s help load that group without the web server and the rails', () => {
  for (const words of [
    ['key', '--help'],
    ['help', 'key'],
  ]) {
    const files = filesOf(...words)
    assert.ok(files.includes('src/identity/commands/keys.ts'))
    const others = files.filter((path) =>
      /node_modules\/(fastify|stripe|graphile-worker)\/|src\/(app|payments|gateway)/.test(path),
    )
    assert.deepEqual(
      others.filter((path) => !path.endsWith('commands.ts')),
      [],
    )
  }
})

void test('config show prints every value, including bigints', async (t) => {
  const folder = createFolder(t)
  const { code, stdout, stderr } = await runPurser(['config', 'show'], { dataDir: join(folder, 'data') })
  assert.equal(code, 0, stderr)
  const shown = JSON.parse(stdout) as Record<string, Record<string, unknown>>
  assert.equal(shown['platform']?.['mode'], 'sandbox')
  assert.match(String(shown['bitcoin']?.['minSats']), /^\d+$/)
})

void test(
  'a live start prints the enabled rails, the missing settings of the others, and the next steps',
  { skip: notLinux },
  async (t) => {
    const dataDir = join(createFolder(t), 'data')
    const env = { PURSER_MODE: 'live', HOST: '127.0.0.1', AIRTEL_CLIENT_ID: 'an-id' }
    const run = (...words: string[]) => runPurser(words, { dataDir, env })
    const first = await startPurser({ dataDir, env })
    assert.match(first.output(), /^ {2}rail +state +why$/m)
    assert.match(first.output(), /^ {2}mpesa +off +.*set MPESA_CONSUMER_KEY,/m)
    assert.match(first.output(), /^ {2}airtel +off +Airtel Money is off: set AIRTEL_CLIENT_SECRET$/m)
    assert.match(
      first.output(),
      /1\. Turn on a rail: .*\n +2\. .*npx purser merchant create .*\n +3\. .*npx purser key create mer_/,
    )
    const merchant = (await run('merchant', 'create', 'Duka')).stdout.trim()
    const key = await run('key', 'create', merchant)
    assert.match(key.stdout, /^sk_live_\S+\n$/, 'only the key, for scripts')
    assert.match(key.stderr, /^This is key_\w+\. It is shown only now/)
    assert.equal((await run('setting', 'set', 'AIRTEL_CLIENT_SECRET', 'a-secret')).code, 0)
    const { stdout: settings } = await run('setting', 'list')
    assert.ok(
      settings.split('\n').every((line) => line.length <= 120),
      settings,
    )
    assert.match(settings, /^MPESA_TRANSACTION_TYPE +paybill +default +\S/m)
    assert.match(settings, /^MPESA_PASSKEY +not set +\S/m)
    assert.match(settings, /^AIRTEL_CLIENT_SECRET +\[secret\] +stored +\S/m)
    first.kill('SIGTERM')
    assert.deepEqual(await first.exited, { code: 0, signal: null })
    const second = await startPurser({ dataDir, env })
    assert.match(second.output(), /^ {2}airtel +on$/m)
    assert.doesNotMatch(second.output(), /Next:/)
    second.kill('SIGTERM')
    await second.exited
  },
)
