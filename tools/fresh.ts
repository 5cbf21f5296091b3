// npm run fresh -- [--npm VERSION]… [--uid NUMBER]
// Runs the README's commands as a newcomer does: a fresh clone of HEAD, an empty HOME, the host's Node, the given npm.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { kill, processesIn } from '../test/process.ts'
import { waitFor } from '../test/wait.ts'

const { values } = parseArgs({
  options: { npm: { type: 'string', multiple: true, default: ['current'] }, uid: { type: 'string' } },
})
/** User who runs the commands. Only root can choose another user. */
const user = values.uid === undefined ? {} : { uid: Number(values.uid), gid: Number(values.uid) }

const STEP_LIMIT_MS = 5 * 60_000
const START_LIMIT_MS = 90_000
const STOP_LIMIT_MS = 30_000
const PART_OF_TESTS = 'src/money'
/** Environment variables that reach the newcomer. A host needs these to reach the registry. */
const INHERITED = /^(?:lang|https?_proxy|no_proxy|node_extra_ca_certs|ssl_cert_file|npm_config_registry)$/i

interface Newcomer {
  readonly clone: string
  readonly env: NodeJS.ProcessEnv
}

interface Run {
  readonly process: ChildProcess
  output(): string
  /** Resolves with the exit code or the signal. */
  readonly ended: Promise<number | string>
}

let failed = 0
for (const version of values.npm) failed += (await prove(version)) ? 0 : 1
process.exitCode = failed > 0 ? 1 : 0

/** Returns whether every command of the README worked. `version`: a version of npm, or `current` for the npm on PATH. */
async function prove(version: string): Promise<boolean> {
  const root = mkdtempSync(join(tmpdir(), 'purser-fresh-'))
  try {
    const newcomer = setUpNewcomer(root, version)
    const { clone } = newcomer
    const versionOf = (program: string): string =>
      execFileSync(program, ['--version'], { ...newcomer, cwd: root, encoding: 'utf8' }).trim()
    const who = values.uid === undefined ? '' : `, as user ${values.uid}`
    console.log(`Fresh clone, empty HOME, npm ${versionOf('npm')}, Node ${versionOf('node')}${who}`)
    await step('npm ci', () => command(newcomer, 'npm', 'ci'))
    console.log(
      `                node_modules/.bin/node ${existsSync(join(clone, 'node_modules/.bin/node')) ? 'exists' : 'is missing'}`,
    )
    await step('npm start', () => startAndStop(newcomer, root))
    await step('npx purser --help', () => command(newcomer, 'npx', 'purser', '--help'))
    await step(`npm test -- ${PART_OF_TESTS}`, () => command(newcomer, 'npm', 'test', '--', PART_OF_TESTS))
    return true
  } catch (error) {
    console.log(`FAILED with npm ${version}: ${error instanceof Error ? error.message : String(error)}\n`)
    return false
  } finally {
    await removeFolder(root)
  }
}

/** Creates the clone, the home and the npm of a newcomer below `root`. */
function setUpNewcomer(root: string, version: string): Newcomer {
  const [clone, home, npm, temporary] = ['purser', 'home', 'npm', 'tmp'].map((name) => join(root, name)) as [
    string,
    string,
    string,
    string,
  ]
  execFileSync('git', ['clone', '--quiet', resolve(import.meta.dirname, '..'), clone])
  for (const folder of [home, npm, temporary]) mkdirSync(folder)
  const outside = (process.env.PATH ?? '').split(delimiter).filter((path) => !path.includes('node_modules'))
  const inherited = Object.entries(process.env).filter(([name]) => INHERITED.test(name))
  const env = {
    ...Object.fromEntries(inherited),
    PATH: outside.join(delimiter),
    HOME: home,
    TMPDIR: temporary,
    PORT: '0',
  }
  if (version !== 'current') {
    execFileSync('npm', ['install', '--silent', '--prefix', npm, `npm@${version}`], { env, cwd: root })
    env.PATH = [join(npm, 'node_modules/.bin'), env.PATH].join(delimiter)
    rmSync(home, { recursive: true })
    mkdirSync(home)
  }
  if (user.uid !== undefined) execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, root])
  return { clone, env }
}

async function step(name: string, act: () => Promise<string>): Promise<void> {
  const began = performance.now()
  const detail = await act()
  const took = ((performance.now() - began) / 1000).toFixed(1).padStart(5)
  console.log(`ok     ${took} s  ${name}${detail === '' ? '' : `: ${detail}`}`)
}

/** Runs a command to its end and returns the counts that tests print last. Throws with the whole output when the command fails. */
async function command(newcomer: Newcomer, program: string, ...args: string[]): Promise<string> {
  const { process: child, output, ended } = run(newcomer, program, args)
  const limit = setTimeout(() => kill(child.pid ?? 0, 'SIGKILL'), STEP_LIMIT_MS)
  const end = await ended
  clearTimeout(limit)
  if (end !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${end}:\n${output()}`)
  return /^\d+ passed, .*$/m.exec(output())?.[0] ?? ''
}

/** Runs `npm start` until the server answers. Then sends SIGTERM to npm alone, as a supervisor does. */
async function startAndStop(newcomer: Newcomer, root: string): Promise<string> {
  const { process: child, output, ended } = run(newcomer, 'npm', ['start'])
  let end: number | string | undefined
  void ended.then((result) => (end = result))
  await waitFor(
    'npm start to print that the server runs',
    () => {
      if (end !== undefined) throw new Error(`npm start ended with ${end}:\n${output()}`)
      return output().includes('Ctrl-C stops')
    },
    START_LIMIT_MS,
  )
  const [url = ''] = /http:\/\/[\d.]+:\d+/.exec(output()) ?? []
  const { status } = await fetch(`${url}/health`)
  if (status !== 200) throw new Error(`${url}/health answered ${status}`)
  child.kill('SIGTERM')
  await ended
  const running = (): number[] => (process.platform === 'linux' ? processesIn(root) : [])
  await waitFor('everything to end after SIGTERM', () => running().length === 0, STOP_LIMIT_MS)
  const refused = await fetch(`${url}/health`).then(
    () => false,
    () => true,
  )
  if (!refused) throw new Error(`${url} still answers after SIGTERM`)
  return '/health answered 200; SIGTERM to npm ended everything'
}

function run({ clone, env }: Newcomer, program: string, args: readonly string[]): Run {
  const child = spawn(program, args, { cwd: clone, env, ...user, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const ended = new Promise<number | string>((done, fail) => {
    child.once('error', fail)
    child.once('close', (code, signal) => done(code ?? signal ?? 'nothing'))
  })
  return { process: child, output: () => text, ended }
}

/** Kills the processes that still run below the folder, by process id, and removes the folder. */
async function removeFolder(root: string): Promise<void> {
  if (process.platform === 'linux') {
    for (const pid of processesIn(root)) kill(pid, 'SIGKILL')
    await waitFor('the processes of the clone to end', () => processesIn(root).length === 0, STOP_LIMIT_MS)
  }
  rmSync(root, { recursive: true, force: true })
}
