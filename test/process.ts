import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { waitFor } from './wait.ts'

/** `PURSER_CHECKOUT` runs the tests that use HTTP and commands only against another checkout, such as an earlier commit. */
const PROGRAM = resolve(process.env['PURSER_CHECKOUT'] ?? resolve(import.meta.dirname, '..'), 'bin/purser.js')
const START_LIMIT_MS = 30_000
const EXIT_LIMIT_MS = 30_000

/** A user id without an account. */
export const UNKNOWN_UID = 54321

/** Skip reason when another user cannot read this checkout, for example in `/root`. */
export const unreadable: string | false =
  process.getuid?.() === 0 &&
  spawnSync('/bin/cat', [PROGRAM], { uid: UNKNOWN_UID, gid: UNKNOWN_UID, cwd: '/', stdio: 'ignore' }).status !== 0 &&
  'another user cannot read this checkout'

/** Exit code or signal of a process. */
export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** Purser in a separate process. */
export interface PurserProcess {
  readonly url: string
  /** API key that the program printed. */
  readonly key: string
  readonly pid: number
  readonly dataDir: string
  /** All output so far. */
  output(): string
  /** `group` signals the process group, as a terminal does for Ctrl-C. */
  kill(signal: NodeJS.Signals, to?: 'process' | 'group'): void
  readonly exited: Promise<Exit>
}

export interface ProcessOptions {
  /** Data folder, `folder/data`. The process works in `folder`. */
  readonly dataDir: string
  /** Default: a free port. */
  readonly port?: number
  readonly env?: Readonly<Record<string, string>>
  /** Working directory. Default: the parent folder of `dataDir`. */
  readonly cwd?: string
  /** Folder of the program. Default: this checkout, or `PURSER_CHECKOUT`. */
  readonly checkout?: string
}

/** Uses memory when there is enough: some disks take seconds to create the thousand files of a database. */
const temporary = (): string => (existsSync('/dev/shm') && freeBytes('/dev/shm') > 1e9 ? '/dev/shm' : tmpdir())

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path)
  return bavail * bsize
}

/** Creates an empty folder. After the test, kills the processes that still run in it and removes it. */
export function createFolder(t: { after(end: () => Promise<void>): void }): string {
  const folder = mkdtempSync(join(temporary(), 'purser-process-'))
  t.after(async () => {
    for (const pid of processesIn(folder)) kill(pid, 'SIGKILL')
    await waitFor('the processes of a test to be gone', () => processesIn(folder).length === 0, EXIT_LIMIT_MS)
    rmSync(folder, { recursive: true, force: true })
  })
  return folder
}

/** Runs `npx purser start` and resolves when it is ready. Throws with its output when it exits earlier. */
export async function startPurser(options: ProcessOptions): Promise<PurserProcess> {
  const { child, output, exited } = run(['start'], options)
  let ended: Exit | undefined
  void exited.then((exit) => (ended = exit))
  const said = await waitFor(
    'the program to report that it runs',
    () => {
      if (ended) throw new Error(`purser start ended with ${String(ended.code ?? ended.signal)}:\n${output()}`)
      return /Ctrl-C stops|worker runs/.test(output()) && output()
    },
    START_LIMIT_MS,
  ).catch((error: unknown) => {
    kill(child.pid ?? 0, 'SIGKILL')
    throw new Error(`${String(error)}\n${output()}`)
  })
  const { pid = 0 } = child
  return {
    url: /http:\/\/[\d.]+:\d+/.exec(said)?.[0] ?? '',
    key: /sk_test_\S+/.exec(said)?.[0] ?? '',
    pid,
    dataDir: options.dataDir,
    output,
    kill: (signal, to = 'process') => void process.kill(to === 'group' ? -pid : pid, signal),
    exited,
  }
}

/** Runs one `npx purser` command to its end. */
export async function runPurser(
  args: readonly string[],
  options: ProcessOptions,
): Promise<Exit & { stdout: string; stderr: string }> {
  const { stdout, stderr, exited } = run(args, options)
  const exit = await exited
  return { ...exit, stdout: stdout(), stderr: stderr() }
}

interface Running {
  child: ChildProcess
  stdout(): string
  stderr(): string
  output(): string
  exited: Promise<Exit>
}

function run(
  args: readonly string[],
  { dataDir, port = 0, env = {}, cwd = join(dataDir, '..'), checkout }: ProcessOptions,
): Running {
  const child = spawn(process.execPath, [checkout === undefined ? PROGRAM : join(checkout, 'bin/purser.js'), ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? '', NODE_ENV: 'production', DATA_DIR: dataDir, PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // Give it its own process group, as a shell does.
    detached: true,
  })
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const exited = new Promise<Exit>((done, fail) => {
    child.once('error', fail)
    child.once('close', (code, signal) => done({ code, signal }))
  })
  return { child, stdout: () => stdout, stderr: () => stderr, output: () => stdout + stderr, exited }
}

/** Lists processes that work in this folder or have it on their command line or in their environment. */
export const processesIn = (folder: string): number[] =>
  listPids().filter((pid) => {
    const known = [commandOf(pid), read(pid, 'environ'), `${read(pid, 'cwd', readlinkSync)}/`]
    return known.some((text) => text.includes(`${folder}/`)) && stateOf(pid).state !== 'Z'
  })

/** Lists the PostgreSQL servers of this data folder. There must never be more than one. */
export function postmastersOf(dataDir: string): number[] {
  const servers = listPids().filter((pid) => commandOf(pid).includes(` -D ${join(dataDir, 'postgres')} `))
  // A newly forked session still has its server's command line.
  return servers.filter((pid) => !servers.includes(stateOf(pid).parent))
}

const listPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)

const commandOf = (pid: number): string => read(pid, 'cmdline')

function stateOf(pid: number): { state: string; parent: number } {
  const stat = read(pid, 'stat')
  const [state = 'Z', parent = '0'] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state, parent: Number(parent) }
}

/** Returns an empty text for a process that has ended or that belongs to another user. */
function read(pid: number, name: string, by = (path: string): string => readFileSync(path, 'utf8')): string {
  try {
    return by(`/proc/${pid}/${name}`).replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

export function kill(pid: number, signal: NodeJS.Signals): void {
  // Process id 0 is the process group of the caller.
  if (pid === 0) throw new Error(`No process is there for ${signal}`)
  try {
    process.kill(pid, signal)
  } catch {
    // The process has already exited.
  }
}

/** Skip reason: these tests inspect processes in Linux's /proc. */
export const notLinux = process.platform !== 'linux' && 'needs /proc'
