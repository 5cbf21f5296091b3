import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { noOldNode, oldNode } from './oldnode.ts'
import { createFolder, notLinux, processesIn } from './process.ts'
import { waitFor } from './wait.ts'

const options = { skip: process.platform === 'win32' && 'needs a POSIX shell' }
const PACKAGE = `node-${process.platform}-${process.arch}`
/** Stand-in for npm's Node package: a script that runs this Node and prints a mark. */
const PACKAGED = `#!/bin/sh\nMARK=packaged exec '${process.execPath}' "$@"\n`
/** A Node for another libc: the kernel does not find its loader. */
const FOREIGN = '#!/no/such/loader\n'
/** Makes bin/launch.js believe that it runs on Node 20. */
const AS_NODE_20 = `--import=data:text/javascript,Object.defineProperty(process,'versions',{value:{node:'20.19.0'}})`

/** Creates a checkout of the launcher in `folder` with the package in `packages`. Leaves .bin empty, as npm 10 does. */
function createCheckout(
  t: TestContext,
  node: string | undefined,
  packages = 'node_modules',
  home = '.',
  version = '24.21.0',
): string {
  const root = mkdtempSync(join(tmpdir(), 'purser-launch-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  const folder = join(root, home)
  cpSync('bin', join(folder, 'bin'), { recursive: true })
  symlinkSync(resolve('src'), join(folder, 'src'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  if (node === undefined) return folder
  const path = join(root, packages, PACKAGE, 'bin/node')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(join(root, packages, PACKAGE, 'package.json'), JSON.stringify({ version }))
  writeFileSync(path, node)
  chmodSync(path, 0o755)
  return folder
}

function program(folder: string, source: string): string {
  const path = join(folder, 'program.js')
  writeFileSync(path, source)
  return path
}

const REPORT = `import { basename } from 'node:path'
console.log(process.env.MARK ?? 'here', basename(process.argv[1]), ...process.argv.slice(2))
process.exitCode = 7`

const launch = (folder: string, args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' })
  return { status, stdout: stdout.trim(), stderr: stderr.trim() }
}

void test('the packaged Node, beside or above the launcher, runs the file and returns its exit code', options, (t) => {
  for (const [packages, home] of [
    ['node_modules', '.'],
    ['node_modules', 'node_modules/purser'],
  ] as const) {
    const folder = createCheckout(t, PACKAGED, packages, home)
    assert.deepEqual(launch(folder, ['bin/node.js', program(folder, REPORT), '--flag', 'a b']), {
      status: 7,
      stdout: 'packaged program.js --flag a b',
      stderr: '',
    })
  }
})

void test('an older Node package of another program in a folder above is not used', options, (t) => {
  const folder = createCheckout(t, PACKAGED, 'node_modules', 'purser', '20.19.0')
  const { status, stdout } = launch(folder, ['bin/node.js', program(folder, REPORT)])
  assert.deepEqual([status, stdout], [7, 'here program.js'])
})

void test('without the package this Node runs the file itself, and an older Node prints advice', options, (t) => {
  for (const [node, why] of [
    [undefined, /^Purser needs Node 24 \(this is 20\.19\.0\), and npm installed none for \S+\. Install Node 24 /],
    [
      FOREIGN,
      /^Purser needs Node 24 .*cannot run on this system \(it needs glibc, and Alpine has musl\)\. Install Node /,
    ],
  ] as const) {
    const folder = createCheckout(t, node)
    const file = program(folder, REPORT)
    assert.deepEqual(launch(folder, ['bin/node.js', file, 'x']), {
      status: 7,
      stdout: 'here program.js x',
      stderr: '',
    })
    const refused = launch(folder, [AS_NODE_20, 'bin/node.js', file])
    assert.deepEqual([refused.status, refused.stdout], [1, ''])
    assert.match(refused.stderr, why)
    assert.equal(refused.stderr.split('\n').length, 1)
    const command = launch(folder, ['bin/purser.js', '--version'])
    assert.match(command.stdout, /^\d+\.\d+\.\d+$/, command.stderr)
    assert.match(launch(folder, [AS_NODE_20, 'bin/purser.js', '--version']).stderr, why)
  }
})

void test('options for Node itself are passed on', options, (t) => {
  for (const node of [PACKAGED, undefined])
    assert.equal(launch(createCheckout(t, node), ['bin/node.js', '--print', '6 * 7']).stdout, '42')
})

void test(
  'a signal to the launcher alone arrives once, and the launcher exits like the program',
  options,
  async (t) => {
    const folder = createCheckout(t, PACKAGED)
    const file = program(
      folder,
      `const signals = ['SIGTERM', 'SIGINT', 'SIGHUP']
    let heard = []
    for (const signal of signals) process.on(signal, () => {
      heard.push(signal)
      console.log(heard.join())
      if (heard.length === signals.length) process.exit(3)
    })
    setInterval(() => {}, 1000)
    console.log('ready')`,
    )
    const child = start(t, folder, ['bin/node.js', file])
    await child.says('ready')
    for (const [signal, heard] of [
      ['SIGTERM', 'SIGTERM'],
      ['SIGINT', 'SIGTERM,SIGINT'],
      ['SIGHUP', 'SIGTERM,SIGINT,SIGHUP'],
    ] as const) {
      child.process.kill(signal)
      await child.says(`${heard}\n`)
    }
    assert.deepEqual(await child.exited, [3, null])
    const deaf = program(folder, `setInterval(() => {}, 1000)\nconsole.log('ready')`)
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      const other = start(t, folder, ['bin/node.js', deaf])
      await other.says('ready')
      other.process.kill(signal)
      assert.deepEqual(await other.exited, [null, signal])
    }
  },
)

void test(
  'Purser behind the launcher: after Ctrl-C to both, or SIGTERM or SIGKILL to the launcher, all processes end',
  { skip: notLinux },
  async (t) => {
    for (const [signal, to, exit] of [
      ['SIGINT', 'group', [0, null]],
      ['SIGTERM', 'launcher', [0, null]],
      ['SIGKILL', 'launcher', [null, 'SIGKILL']],
    ] as const) {
      const folder = createFolder(t)
      const env = { DATA_DIR: join(folder, 'data'), PORT: '0', NODE_ENV: 'production' }
      const home = createCheckout(t, PACKAGED)
      const child = start(t, folder, [join(home, 'bin/purser.js'), 'start'], env)
      await child.says('Ctrl-C stops', 30_000)
      assert.ok(processesIn(folder).length > 3)
      process.kill(to === 'group' ? -(child.process.pid ?? 0) : (child.process.pid ?? 0), signal)
      assert.deepEqual(await child.exited, exit, child.output())
      await waitFor('everything to end', () => processesIn(folder).length === 0, 30_000)
      assert.doesNotMatch(child.output(), /Stopped without waiting/)
    }
  },
)

void test('the command and the tools also start with an older Node on PATH', { skip: noOldNode }, () => {
  const run = (...args: string[]) => spawnSync(oldNode ?? '', args, { encoding: 'utf8' })
  assert.equal(run('bin/node.js', '--print', 'process.execPath').stdout.trim(), process.execPath)
  assert.match(run('bin/purser.js', '--version').stdout, /^\d+\.\d+\.\d+\n$/)
  assert.equal(run('bin/purser.js', 'no-such-command').status, 1)
})

interface Started {
  readonly process: ChildProcess
  readonly exited: Promise<unknown[]>
  output(): string
  /** Resolves when the output contains the text. */
  says(text: string, limitMs?: number): Promise<void>
}

function start(t: TestContext, cwd: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Started {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  t.after(() => child.kill('SIGKILL'))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()))
  return {
    process: child,
    exited: once(child, 'exit'),
    output: () => said,
    says: async (text, limitMs) => void (await waitFor(text, () => said.includes(text), limitMs)),
  }
}
